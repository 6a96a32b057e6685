"""Deleting what is on a satellite that is away, on real devices: the name is free at once, and nothing is mixed up.

A controller and two satellites as processes of their own; one of them is stopped, or killed, in the middle of things.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import loop_mounts, processes, services
from tools.processes import ProcessIdentity
from tools.rest import RestConnection, RestRefused
from tools.services import Service

OLD, NEW = os.urandom(4096), os.urandom(4096)
WEB = "/v1/resource-definitions/web"
SIZE_KIB = 8 * 1024


class Node:
    """A satellite, and the folder of its pool."""

    def __init__(self, name: str, folder: Path, pool: Path) -> None:
        self.name = name
        self.address = services.free_address()
        self.pool = pool
        self._folder = folder
        self._identity: ProcessIdentity | None = None

    def start(self) -> None:
        self._identity = services.start(
            "linstor_core.satellite", ["--name", self.name, "--listen", self.address, "--state",
                                       str(self._folder / self.name)], self._folder / f"{self.name}.log")

    def stop(self, by_force: bool) -> None:
        assert self._identity is not None
        if by_force:
            processes.kill(self._identity)
        else:
            processes.stop(self._identity, timeout_s=10)

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.pool.iterdir()}


class Site:
    def __init__(self, rest: RestConnection, address: str, nodes: list[Node]) -> None:
        self.rest = rest
        self.address = address
        self.nodes = {node.name: node for node in nodes}

    def register(self) -> None:
        for node in self.nodes.values():
            host, _, port = node.address.rpartition(":")
            node.start()
            self.rest.post("/v1/nodes", {"name": node.name, "type": "SATELLITE", "net_interfaces": [
                {"name": "default", "address": host, "satellite_port": int(port),
                 "satellite_encryption_type": "PLAIN"}]})
            self.wait_for(node.name, "ONLINE")
            self.rest.post(f"/v1/nodes/{node.name}/storage-pools", {
                "storage_pool_name": "thin", "provider_kind": "FILE_THIN",
                "props": {"StorDriver/StorPoolName": str(node.pool)}})

    def wait_for(self, node: str, status: str) -> None:
        until(lambda: self.rest.get(f"/v1/nodes/{node}")["connection_status"] == status, f"{node} is {status}")

    def create(self, *nodes: str) -> Any:
        self.rest.post("/v1/resource-definitions", {"resource_definition": {
            "name": "web", "layer_data": [{"type": "STORAGE"}]}})
        self.rest.post(f"{WEB}/volume-definitions", {"volume_definition": {"size_kib": SIZE_KIB}})
        return self.rest.post(f"{WEB}/resources", [
            {"resource": {"node_name": node, "props": {"StorPoolName": "thin"}}} for node in nodes])

    def device(self, node: str, name: str = "web") -> str:
        volumes = self.rest.get(f"/v1/resource-definitions/{name}/resources/{node}/volumes")
        return str(volumes[0].get("device_path", ""))

    def write(self, node: str, content: bytes) -> None:
        with open(self.device(node), "r+b") as device:
            device.write(content)
            device.flush()
            os.fsync(device.fileno())

    def read(self, node: str, name: str = "web") -> bytes:
        with open(self.device(node, name), "rb") as device:
            return device.read(len(OLD))

    def tombstones(self) -> Any:
        return self.rest.get("/v1/tombstones")

    def cli(self, *words: str) -> str:
        done = subprocess.run([sys.executable, "-m", "linstor_core.cli", "--controllers", self.address, *words],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 40
    while True:
        with contextlib.suppress(RestRefused):
            if condition():
                return
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)


def codes(entries: Any) -> list[int]:
    return [entry["ret_code"] & 0x7FFF for entry in entries]


@pytest.fixture
def site(controller_process: Service, pool_dir: Path, tmp_path: Path) -> Iterator[Site]:
    nodes = []
    for name in ("alpha", "beta"):
        (pool_dir / name).mkdir()
        nodes.append(Node(name, tmp_path, pool_dir / name))
    with RestConnection(controller_process.address) as rest:
        made = Site(rest, controller_process.address, nodes)
        try:
            made.register()
            yield made
        finally:
            for node in nodes:
                node.stop(by_force=True)


def test_a_name_is_free_at_once_and_its_old_content_goes(site: Site) -> None:
    site.create("alpha", "beta")
    site.write("beta", OLD)
    beta = site.nodes["beta"]
    beta.stop(by_force=True)
    site.wait_for("beta", "OFFLINE")
    assert 1002 in codes(site.rest.call("DELETE", WEB))
    (stone,) = site.tombstones()
    assert (stone["node_name"], stone["resource_name"]) == ("beta", "web")
    assert [each["reason"] for each in stone["blocked_by"]] == ["The node is not connected."]
    assert site.nodes["alpha"].files == set()

    assert 1002 in codes(site.create("alpha", "beta"))
    site.write("alpha", NEW)
    assert "web" in site.cli("tombstone", "list")
    assert "not connected" in site.cli("resource", "list")
    beta.start()
    site.wait_for("beta", "ONLINE")
    until(lambda: not site.tombstones() and bool(site.device("beta")), "the old one is gone and the new one there")
    assert beta.files == {"web.1_00000.img"}
    assert site.nodes["alpha"].files == {"web_00000.img"}
    assert site.read("alpha") == NEW
    assert site.read("beta") == bytes(len(OLD))
    site.write("beta", NEW)
    assert len(loop_mounts.loop_devices_below(beta.pool)) == 1
    assert site.rest.get("/v1/orphans") == []
    beta.stop(by_force=False)
    beta.start()
    site.wait_for("beta", "ONLINE")
    assert site.read("beta") == NEW
    assert "blocked_by" not in json.dumps(site.rest.get("/v1/view/resources"))


def test_what_is_open_stays_until_it_is_closed(site: Site) -> None:
    site.create("beta")
    site.write("beta", OLD)
    beta = site.nodes["beta"]
    with open(site.device("beta"), "rb") as device:
        beta.stop(by_force=True)
        site.wait_for("beta", "OFFLINE")
        site.rest.call("DELETE", WEB)
        beta.start()
        site.wait_for("beta", "ONLINE")
        (stone,) = site.tombstones()
        assert "in use" in stone["blocked_by"][0]["reason"]
        assert device.read(len(OLD)) == OLD
        site.create("beta")
        assert beta.files == {"web_00000.img", "web.1_00000.img"}
    site.rest.call("PUT", "/v1/nodes/beta/reconnect")
    until(lambda: not site.tombstones(), "it is tried again")
    assert beta.files == {"web.1_00000.img"}


def test_what_is_forgotten_can_be_adopted_or_removed(site: Site) -> None:
    site.create("beta")
    site.write("beta", OLD)
    beta = site.nodes["beta"]
    beta.stop(by_force=True)
    site.wait_for("beta", "OFFLINE")
    site.rest.call("DELETE", WEB)
    assert str(beta.pool / "web_00000.img") in site.cli("tombstone", "delete", "beta", "web")
    beta.start()
    site.wait_for("beta", "ONLINE")
    (orphan,) = site.rest.get("/v1/orphans?nodes=beta")
    path = str(beta.pool / "web_00000.img")
    assert (orphan["path"], orphan["resource_name"], orphan["size_kib"]) == (path, "web", SIZE_KIB)

    site.cli("orphans", "adopt", "beta", path, "found")
    assert site.read("beta", "found") == OLD
    assert beta.files == {"web_00000.img"}
    site.cli("resource", "delete", "--force", "--abandon", "beta", "found")
    until(lambda: bool(site.rest.get("/v1/orphans")), "the satellite tells of the file that nobody names any more")
    assert path in site.cli("orphans", "list")
    with pytest.raises(RestRefused):
        site.rest.post("/v1/orphans/remove", {"node_name": "beta", "path": path, "data_id": "another"})
    assert beta.files == {"web_00000.img"}
    site.cli("orphans", "remove", "--data-id", orphan["data_id"], "beta", path)
    assert beta.files == set()
    assert not loop_mounts.loop_devices_below(beta.pool)
    assert site.rest.get("/v1/orphans") == site.tombstones() == []
