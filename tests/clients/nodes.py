"""Nodes that programs of others are given, and their registration for those that expect it done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tools.rest import RestConnection

ONLINE_WITHIN_S = 20


@dataclass
class SatelliteNode:
    """A satellite that runs; `pool` is a folder with reflink for it."""

    name: str
    address: str
    pool: Path


def register(rest: RestConnection, node: SatelliteNode, pool_name: str) -> None:
    """Make the node and its FILE_THIN pool known; it is online when this returns."""
    host, _, port = node.address.rpartition(":")
    rest.post("/v1/nodes", {"name": node.name, "type": "Satellite", "net_interfaces": [
        {"name": "default", "address": host, "satellite_port": int(port), "satellite_encryption_type": "Plain"}]})
    deadline = time.monotonic() + ONLINE_WITHIN_S
    while rest.get(f"/v1/nodes/{node.name}")["connection_status"] != "ONLINE":
        assert time.monotonic() < deadline, f"{node.name} did not come online"
        time.sleep(0.05)
    rest.post(f"/v1/nodes/{node.name}/storage-pools",
              {"storage_pool_name": pool_name, "provider_kind": "FILE_THIN",
               "props": {"StorDriver/FileDir": str(node.pool)}})
