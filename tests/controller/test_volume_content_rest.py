"""REST against a real controller and satellite: what is written stays what it is through all of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import services
from tools.rest import RestConnection, RestRefused
from tools.services import Service

MIB = 1024 * 1024
SIZE_KIB = 8 * 1024


@pytest.fixture
def rest(cluster: Service) -> Iterator[RestConnection]:
    """A cluster of one node with the pool "thin" and a resource group "rg" of one replica."""
    with RestConnection(cluster.address) as connection:
        host, _, port = cluster.satellite.rpartition(":")
        connection.post("/v1/nodes", {"name": cluster.node_name, "type": "SATELLITE", "net_interfaces": [
            {"name": "default", "address": host, "satellite_port": int(port),
             "satellite_encryption_type": "PLAIN"}]})
        until(lambda: connection.get(f"/v1/nodes/{cluster.node_name}")["connection_status"] == "ONLINE")
        connection.post(f"/v1/nodes/{cluster.node_name}/storage-pools", {
            "storage_pool_name": "thin", "provider_kind": "FILE_THIN",
            "props": {"StorDriver/FileDir": str(cluster.pool_dir)}})
        connection.post("/v1/resource-groups", {"name": "rg", "select_filter": {
            "place_count": 1, "layer_stack": ["STORAGE"]}})
        connection.post("/v1/resource-groups/rg/volume-groups", {})
        yield connection


def until(condition: Any, within_s: float = 20) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def spawn(rest: RestConnection, name: str) -> None:
    rest.post("/v1/resource-groups/rg/spawn", {"resource_definition_name": name, "volume_sizes": [SIZE_KIB]})


def device(rest: RestConnection, name: str) -> Path:
    (resource,) = rest.get(f"/v1/view/resources?resources={name}")
    return Path(resource["volumes"][0].get("device_path", ""))


def write(path: Path, content: bytes) -> None:
    with open(path, "r+b", buffering=0) as file:
        file.write(content)
        os.fsync(file.fileno())


def read(path: Path, length: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(length)


def refused(rest: RestConnection, method: str, path: str, body: Any = None) -> int:
    with pytest.raises(RestRefused) as caught:
        rest.call(method, path, body)
    return int(next(entry["ret_code"] for entry in caught.value.entries if entry["ret_code"] < 0)) & 0x7FFF


def test_snapshot_restore_rollback_and_clone_carry_the_right_content(rest: RestConnection) -> None:
    old, new = os.urandom(MIB), os.urandom(MIB)
    spawn(rest, "a1")
    write(device(rest, "a1"), old)
    rest.post("/v1/resource-definitions/a1/snapshots", {"name": "s1"})
    write(device(rest, "a1"), new)
    rest.post("/v1/resource-definitions", {"resource_definition": {
        "name": "b1", "layer_data": [{"type": "STORAGE"}]}})
    rest.post("/v1/resource-definitions/a1/snapshot-restore-volume-definition/s1", {"to_resource": "b1"})
    rest.post("/v1/resource-definitions/a1/snapshot-restore-resource/s1", {"to_resource": "b1"})
    assert read(device(rest, "b1"), MIB) == old
    started = rest.post("/v1/resource-definitions/a1/clone", {"name": "c1"})
    until(lambda: rest.get(started["location"])["status"] == "COMPLETE")
    assert read(device(rest, "c1"), MIB) == new
    rest.post("/v1/resource-definitions/a1/snapshot-rollback/s1", {})
    assert read(device(rest, "a1"), MIB) == old
    assert read(device(rest, "c1"), MIB) == new
    rest.call("DELETE", "/v1/resource-definitions/a1/snapshots/s1")
    rest.call("DELETE", "/v1/resource-definitions/a1")
    assert (read(device(rest, "b1"), MIB), read(device(rest, "c1"), MIB)) == (old, new)


def test_a_rollback_of_what_is_open_strikes_neither_now_nor_later(rest: RestConnection) -> None:
    spawn(rest, "a1")
    rest.post("/v1/resource-definitions/a1/snapshots", {"name": "s1"})
    content = os.urandom(MIB)
    write(device(rest, "a1"), content)
    with open(device(rest, "a1"), "rb"):
        assert refused(rest, "POST", "/v1/resource-definitions/a1/snapshot-rollback/s1", {}) == 997
    until(lambda: rest.get("/v1/resource-definitions/a1/sync-status")["synced_on_all"])
    assert read(device(rest, "a1"), MIB) == content
    rest.post("/v1/resource-definitions/a1/snapshot-rollback/s1", {})
    assert read(device(rest, "a1"), MIB) == bytes(MIB)


def test_growing_keeps_the_content(rest: RestConnection) -> None:
    content = os.urandom(MIB)
    spawn(rest, "a1")
    write(device(rest, "a1"), content)
    rest.call("PUT", "/v1/resource-definitions/a1/volume-definitions/0", {"size_kib": 2 * SIZE_KIB})
    (definition,) = rest.get("/v1/resource-definitions/a1/volume-definitions")
    assert "flags" not in definition
    with open(device(rest, "a1"), "rb") as file:
        assert file.seek(0, os.SEEK_END) == 2 * SIZE_KIB * 1024
    assert read(device(rest, "a1"), MIB) == content
    assert refused(rest, "PUT", "/v1/resource-definitions/a1/volume-definitions/0", {"size_kib": SIZE_KIB}) == 206


def test_what_is_open_is_not_deleted_neither_now_nor_later(rest: RestConnection) -> None:
    content = os.urandom(MIB)
    spawn(rest, "a1")
    write(device(rest, "a1"), content)
    with open(device(rest, "a1"), "rb"):
        assert refused(rest, "DELETE", "/v1/resource-definitions/a1/resources/node1") == 997
        assert refused(rest, "DELETE", "/v1/resource-definitions/a1/volume-definitions/0") == 997
        assert refused(rest, "DELETE", "/v1/resource-definitions/a1") == 997
    until(lambda: rest.get("/v1/resource-definitions/a1/sync-status")["synced_on_all"])
    assert "flags" not in rest.get("/v1/resource-definitions/a1")
    assert read(device(rest, "a1"), MIB) == content
    rest.call("DELETE", "/v1/resource-definitions/a1")
    assert rest.get("/v1/view/resources") == []


def test_eight_callers_spawn_and_delete_at_once(rest: RestConnection, cluster: Service) -> None:
    faults: list[Exception] = []

    def worker(number: int) -> None:
        try:
            with RestConnection(cluster.address) as own:
                for turn in range(4):
                    spawn(own, f"w{number}-{turn}")
                    own.call("DELETE", f"/v1/resource-definitions/w{number}-{turn}")
        except Exception as fault:  # told by the main thread
            faults.append(fault)

    threads = [threading.Thread(target=worker, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert rest.get("/v1/view/resources") == []
    assert list(cluster.pool_dir.rglob("*.img")) == []


def test_an_unreachable_satellite_holds_nobody_up(rest: RestConnection, cluster: Service) -> None:
    spawn(rest, "a1")
    rest.call("PUT", "/v1/nodes/node1/net-interfaces/default", {"satellite_port": int(
        services.free_address().rpartition(":")[2])})
    # What stands goes on until the new address answers; this one never will.
    rest.call("PUT", "/v1/nodes/node1/reconnect")
    until(lambda: rest.get("/v1/nodes/node1")["connection_status"] == "OFFLINE")
    before = time.monotonic()
    rest.post("/v1/resource-definitions", {"resource_definition": {
        "name": "b1", "layer_data": [{"type": "STORAGE"}]}})
    rest.post("/v1/resource-definitions/b1/volume-definitions", {"volume_definition": {"size_kib": SIZE_KIB}})
    rest.post("/v1/resource-definitions/b1/resources/node1", {"resource": {"props": {"StorPoolName": "thin"}}})
    entries = rest.call("DELETE", "/v1/resource-definitions/a1")
    assert time.monotonic() - before < 5
    assert 1002 in [entry["ret_code"] & 0x7FFF for entry in entries]
    assert [each["name"] for each in rest.get("/v1/resource-definitions")] == ["b1"]
    assert [each["resource_name"] for each in rest.get("/v1/tombstones")] == ["a1"]
    rest.call("PUT", "/v1/nodes/node1/net-interfaces/default", {
        "satellite_port": int(cluster.satellite.rpartition(":")[2])})
    until(lambda: rest.get("/v1/tombstones") == [], 30)
    until(lambda: device(rest, "b1").is_block_device(), 30)
