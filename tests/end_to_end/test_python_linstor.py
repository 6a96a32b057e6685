"""python-linstor from PyPI, unmodified, drives the whole life of a volume."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import linstor
import pytest

from tools.block_volumes import checksums, make_file_system, mounted
from tools.services import Service

GIB_KIB = 1024 * 1024
GIB_BYTES = 1024 * GIB_KIB


def accepted(answers: Sequence[Any]) -> None:
    """Every entry is a success, in the words of python-linstor itself."""
    assert linstor.Linstor.all_api_responses_no_error(answers), [str(answer) for answer in answers]


@pytest.fixture
def api(cluster: Service) -> Iterator[linstor.Linstor]:
    connection = linstor.Linstor(f"linstor://{cluster.address}")
    connection.connect()
    host, _, port = cluster.satellite.rpartition(":")
    accepted(connection.node_create(cluster.node_name, "Satellite", host, port=int(port)))
    wait_until(lambda: connection.node_list()[0].nodes[0].connection_status == "ONLINE")
    accepted(connection.storage_pool_create(cluster.node_name, "thinpool", "FILE_THIN", str(cluster.pool_dir)))
    try:
        yield connection
    finally:
        connection.disconnect()


def wait_until(is_true: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def define(api: linstor.Linstor, name: str, size_kib: int) -> None:
    accepted(api.resource_dfn_create(name, layer_list=["storage"]))
    accepted(api.volume_dfn_create(name, size_kib))


def place(api: linstor.Linstor, name: str) -> str:
    """The device of the volume that the autoplacer places."""
    accepted(api.resource_auto_place(name, 1, storage_pool=["thinpool"]))
    return device_of(api, name)


def device_of(api: linstor.Linstor, name: str) -> str:
    return str(api.volume_list(filter_by_resources=[name])[0].resources[0].volumes[0].device_path)


def block_size_bytes(device: str) -> int:
    return int(Path(f"/sys/class/block/{Path(device).name}/size").read_text()) * 512


def write_letter(device: str, mountpoint: Path, text: str) -> dict[str, str]:
    with mounted(device, mountpoint) as tree:
        (tree / "letter.txt").write_text(text)
        return checksums(tree)


def test_create_use_grow_delete(api: linstor.Linstor, tmp_path: Path) -> None:
    define(api, "invoices", GIB_KIB)
    device = place(api, "invoices")
    assert block_size_bytes(device) == GIB_BYTES
    make_file_system(device)
    written = write_letter(device, tmp_path / "mnt", "dear customer")

    accepted(api.volume_dfn_modify("invoices", 0, size=2 * GIB_KIB))
    wait_until(lambda: block_size_bytes(device_of(api, "invoices")) == 2 * GIB_BYTES)
    assert api.resource_dfn_list()[0].resource_definitions[0].volume_definitions[0].size == 2 * GIB_KIB
    with mounted(device_of(api, "invoices"), tmp_path / "mnt") as tree:
        assert checksums(tree) == written

    accepted(api.resource_dfn_delete("invoices"))
    assert api.resource_list()[0].resources == []


def test_snapshot_rollback_restore_and_clone(api: linstor.Linstor, cluster: Service, tmp_path: Path) -> None:
    define(api, "invoices", GIB_KIB)
    device = place(api, "invoices")
    make_file_system(device)
    old = write_letter(device, tmp_path / "mnt", "the first version")
    accepted(api.snapshot_create([], "invoices", "monday", False))
    new = write_letter(device, tmp_path / "mnt", "the second version, longer")
    assert new != old

    define_empty(api, "restored")
    accepted(api.snapshot_volume_definition_restore("invoices", "monday", "restored"))
    accepted(api.snapshot_resource_restore([cluster.node_name], "invoices", "monday", "restored"))
    assert files_on(api, "restored", tmp_path) == old
    assert files_on(api, "invoices", tmp_path) == new

    accepted(api.resource_dfn_clone("invoices", "copied").messages)
    wait_until(lambda: api.resource_dfn_clone_status("invoices", "copied").status.name == "COMPLETE")
    assert files_on(api, "copied", tmp_path) == new

    accepted(api.snapshot_rollback("invoices", "monday"))
    assert files_on(api, "invoices", tmp_path) == old

    accepted(api.snapshot_delete("invoices", "monday"))
    for name in ("restored", "copied", "invoices"):
        accepted(api.resource_dfn_delete(name))
    assert list(cluster.pool_dir.rglob("*.img")) == []


def define_empty(api: linstor.Linstor, name: str) -> None:
    accepted(api.resource_dfn_create(name, layer_list=["storage"]))


def files_on(api: linstor.Linstor, name: str, tmp_path: Path) -> dict[str, str]:
    with mounted(device_of(api, name), tmp_path / f"of-{name}") as tree:
        return checksums(tree)


def test_a_resource_group_spawns_and_the_node_goes_when_it_is_empty(api: linstor.Linstor, cluster: Service) -> None:
    accepted(api.resource_group_create("gold", place_count=1, storage_pool=["thinpool"], layer_list=["storage"]))
    accepted(api.volume_group_create("gold"))
    accepted(api.resource_group_spawn("gold", "nuggets", [GIB_KIB]))
    assert Path(device_of(api, "nuggets")).is_block_device()

    refused = api.resource_group_spawn("gold", "nuggets", [GIB_KIB])
    assert not linstor.Linstor.all_api_responses_no_error(refused)

    accepted(api.resource_dfn_delete("nuggets"))
    accepted(api.storage_pool_delete(cluster.node_name, "thinpool"))
    accepted(api.node_delete(cluster.node_name))
    assert api.node_list()[0].nodes == []
