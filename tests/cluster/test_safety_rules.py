"""The four safety rules, each through REST on real devices with one process of the real thing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import processes, services
from tools.rest import RestConnection, RestRefused
from tools.services import Service

CONTENT = os.urandom(4096)


@pytest.fixture
def rest(cluster: Service) -> Iterator[RestConnection]:
    with RestConnection(cluster.address) as connection:
        register(connection, cluster)
        connection.post("/v1/nodes/node1/storage-pools", {
            "storage_pool_name": "thin", "provider_kind": "FILE_THIN",
            "props": {"StorDriver/FileDir": str(cluster.pool_dir)}})
        connection.post("/v1/resource-groups", {"name": "grp", "select_filter": {
            "place_count": 1, "storage_pool": "thin", "layer_stack": ["STORAGE"]}})
        connection.post("/v1/resource-groups/grp/volume-groups", {})
        yield connection


def register(rest: RestConnection, cluster: Service) -> Any:
    host, _, port = cluster.satellite.rpartition(":")
    return rest.post("/v1/nodes", {"name": "node1", "type": "SATELLITE", "net_interfaces": [
        {"name": "default", "address": host, "satellite_port": int(port), "satellite_encryption_type": "PLAIN"}]})


def spawn(rest: RestConnection, name: str) -> None:
    rest.post("/v1/resource-groups/grp/spawn", {"resource_definition_name": name, "volume_sizes": [300 * 1024]})


def device(rest: RestConnection, name: str) -> str:
    return str(rest.get(f"/v1/resource-definitions/{name}/resources/node1/volumes/0")["device_path"])


def write(path: str) -> None:
    with open(path, "r+b") as stream:
        stream.write(CONTENT)
        stream.flush()
        os.fsync(stream.fileno())


def read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(len(CONTENT))


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)


def test_unknown_is_not_absent(rest: RestConnection, cluster: Service) -> None:
    """The pool's file system is hidden, as after a mount that failed: nothing is made anew in its place."""
    spawn(rest, "vol")
    write(device(rest, "vol"))
    processes.run(["mount", "-t", "tmpfs", "tmpfs", str(cluster.pool_dir)])
    try:
        with pytest.raises(RestRefused) as refused:
            spawn(rest, "other")
        assert any(entry.get("cause") and entry.get("correction") for entry in refused.value.entries)
        assert list(cluster.pool_dir.iterdir()) == []
    finally:
        processes.run(["umount", str(cluster.pool_dir)])
    assert read(str(cluster.pool_dir / "vol_00000.img")) == CONTENT
    assert read(device(rest, "vol")) == CONTENT


def test_only_what_is_blank_is_formatted(rest: RestConnection, cluster: Service) -> None:
    """Neither a file of somebody else nor content that was restored gets a file system."""
    rest.call("PUT", "/v1/resource-groups/grp", {"override_props": {"FileSystem/Type": "xfs"}})
    foreign = cluster.pool_dir / "vol_00000.img"
    foreign.write_bytes(CONTENT)
    with pytest.raises(RestRefused, match="vol_00000"):
        spawn(rest, "vol")
    assert foreign.read_bytes() == CONTENT

    spawn(rest, "made")
    write(device(rest, "made"))
    rest.post("/v1/resource-definitions/made/snapshots", {"name": "snap"})
    rest.post("/v1/resource-definitions", {"resource_definition": {"name": "copy", "resource_group_name": "grp"}})
    for step in ("volume-definition", "resource"):
        rest.post(f"/v1/resource-definitions/made/snapshot-restore-{step}/snap", {"to_resource": "copy"})
    assert read(device(rest, "copy")) == CONTENT


def test_only_what_is_named_is_deleted(rest: RestConnection, cluster: Service) -> None:
    """A file of ours that no definition names is listed as an orphan, and stays whatever is deleted around it."""
    spawn(rest, "vol")
    stray = cluster.pool_dir / "stray_00000.img"
    processes.run(["cp", "--preserve=xattr", str(cluster.pool_dir / "vol_00000.img"), str(stray)])
    rest.call("PUT", "/v1/nodes/node1/reconnect")
    until(lambda: rest.get("/v1/nodes/node1")["connection_status"] == "ONLINE", "the node is back")
    rest.call("DELETE", "/v1/resource-definitions/vol")
    assert [path.name for path in cluster.pool_dir.iterdir()] == [stray.name]


def test_a_foreign_controller_is_refused(rest: RestConnection, cluster: Service, tmp_path: Path) -> None:
    """A second controller that registers the same satellite is turned away; the volume does not notice."""
    spawn(rest, "vol")
    write(device(rest, "vol"))
    address, log = services.free_address(), tmp_path / "second.log"
    identity = services.start("linstor_core.controller",
                              ["--listen", address, "--state", str(tmp_path / "second")], log)
    try:
        services.wait_until_healthy(address, identity, log)
        with RestConnection(address) as second:
            register(second, cluster)
            until(lambda: second.get("/v1/nodes/node1")["connection_status"] == "OTHER_CONTROLLER",
                  "the satellite has turned it away")
    finally:
        processes.stop(identity, timeout_s=5)
    assert rest.get("/v1/nodes/node1")["connection_status"] == "ONLINE"
    assert read(device(rest, "vol")) == CONTENT


def test_an_old_controller_is_refused(rest: RestConnection, cluster: Service, tmp_path: Path) -> None:
    """A controller on a copy of the database, as after a restored backup: one of them is obeyed, never both."""
    copy = tmp_path / "old"
    shutil.copytree(cluster.state / "controller", copy)
    spawn(rest, "vol")
    processes.stop(cluster.identity, timeout_s=5)
    restarted = services.start("linstor_core.single", [
        "--listen", cluster.address, "--satellite-listen", cluster.satellite, "--name", "node1",
        "--state", str(cluster.state)], cluster.log)
    address, log = services.free_address(), tmp_path / "old.log"
    old = None
    try:
        services.wait_until_healthy(cluster.address, restarted, cluster.log)
        with RestConnection(cluster.address) as current, RestConnection(address) as outdated:
            until(lambda: status(current) == "ONLINE", "the current one serves")
            old = services.start("linstor_core.controller", ["--listen", address, "--state", str(copy)], log)
            services.wait_until_healthy(address, old, log)
            until(lambda: status(outdated) == "OTHER_CONTROLLER", "the copy is turned away")
            assert status(current) == "ONLINE"
            assert (cluster.pool_dir / "vol_00000.img").exists()
    finally:
        for identity in (old, restarted):
            if identity is not None:
                processes.stop(identity, timeout_s=5)


def status(rest: RestConnection) -> str:
    return str(rest.get("/v1/nodes/node1")["connection_status"])
