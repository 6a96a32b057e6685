"""Two nodes of Proxmox VE, each with its endpoint: a disk is where it was asked for, as far as that goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from linstor_proxmox.endpoint import Endpoint
from linstor_proxmox.node_links import NodeLinks

from tests.plugins.two_nodes import ALPHA, BETA, GROUP, TwoNodes


def ask(endpoint: Endpoint, two: TwoNodes, call: str, **arguments: Any) -> Any:
    request = {"call": call, "storage": "fast", "arguments": arguments, "config": {
        "linstorcore-group": GROUP, "linstorcore-controllers": two.controller.url}}
    answer = json.loads(endpoint.answer(json.dumps(request).encode()))
    assert "error" not in answer, answer
    return answer["result"]


def test_a_disk_is_near_the_guest(two_nodes: TwoNodes, tmp_path: Path) -> None:
    two_nodes.set_replicas(1)
    endpoints = {node: Endpoint(node, NodeLinks(tmp_path / node)) for node in (ALPHA, BETA)}
    try:
        for vmid, node in ((100, BETA), (101, ALPHA), (102, BETA)):
            assert ask(endpoints[node], two_nodes, "alloc_image", vmid=vmid, size_kib=8192) == f"vm-{vmid}-disk-0"
        places = {volume.props["Aux/pve/name"]: volume.nodes for volume in two_nodes.service.list()}
        assert places == {"vm-100-disk-0": (BETA,), "vm-101-disk-0": (ALPHA,), "vm-102-disk-0": (BETA,)}

        two_nodes.lose(BETA)
        assert ask(endpoints[BETA], two_nodes, "alloc_image", vmid=103, size_kib=8192) == "vm-103-disk-0"
        ask(endpoints[ALPHA], two_nodes, "free_image", volname="vm-100-disk-0")
        listed = {image["volid"] for image in ask(endpoints[ALPHA], two_nodes, "list_images")}
        assert listed == {"fast:vm-101-disk-0", "fast:vm-102-disk-0", "fast:vm-103-disk-0"}
        name = ask(endpoints[ALPHA], two_nodes, "alloc_image", vmid=100, size_kib=8192, name="vm-100-disk-0")
        assert name == "vm-100-disk-0", "a node that is away keeps no name"
    finally:
        for endpoint in endpoints.values():
            endpoint.close()
