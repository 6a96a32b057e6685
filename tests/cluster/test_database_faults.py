"""A database that can't be written or read, under a real controller: a clear error, no harm, and on it goes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import processes, services
from tools.processes import ProcessIdentity
from tools.rest import RestConnection, RestRefused

SQL = 100
CODE_MASK = 0x7FFF


@pytest.fixture
def small_folder(root_required: None, tmp_path: Path) -> Iterator[Path]:
    """A folder with room for a few hundred documents."""
    folder = tmp_path / "small"
    folder.mkdir()
    processes.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)])
    try:
        yield folder
    finally:
        processes.run(["umount", str(folder)])


@pytest.fixture
def on_small_folder(small_folder: Path, tmp_path: Path) -> Iterator[RestConnection]:
    address, log = services.free_address(), tmp_path / "log"
    identity = services.start("linstor_core.controller", ["--listen", address, "--state", str(small_folder / "state")],
                              log)
    try:
        services.wait_until_healthy(address, identity, log)
        with RestConnection(address) as rest:
            yield rest
    finally:
        processes.stop(identity, timeout_s=5)


def create(rest: RestConnection, name: str) -> None:
    rest.post("/v1/resource-definitions", {"resource_definition": {"name": name, "layer_data": [{"type": "STORAGE"}]}})


def names(rest: RestConnection) -> set[str]:
    return {found["name"] for found in rest.get("/v1/resource-definitions")}


def test_a_full_disk_refuses_changes_and_keeps_what_was_acknowledged(
        on_small_folder: RestConnection, small_folder: Path) -> None:
    rest = on_small_folder
    create(rest, "before")
    ballast = small_folder / "ballast"
    with pytest.raises(OSError, match="No space"), ballast.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))
    acknowledged = {"before"}
    with pytest.raises(RestRefused) as refused:
        for number in range(2000):
            create(rest, f"late{number}")
            acknowledged.add(f"late{number}")
    (entry,) = refused.value.entries
    assert entry["ret_code"] & CODE_MASK == SQL
    assert entry["cause"] and entry["correction"]
    assert names(rest) == acknowledged, "what was refused is not there, what was acknowledged is"
    ballast.unlink()
    create(rest, "after")
    assert names(rest) == acknowledged | {"after"}


def _start_and_fail(state: Path, status: int = 1) -> str:
    """What a controller says that refuses to start, with this exit status."""
    result = subprocess.run([sys.executable, "-m", "linstor_core.controller", "--listen", services.free_address(),
                             "--state", str(state)], cwd=services.CHECKOUT, capture_output=True, text=True, timeout=30,
                            check=False)
    assert result.returncode == status
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_corrupt_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    content = os.urandom(8192)
    (state / "linstor.db").write_bytes(content)
    assert "can't be opened" in _start_and_fail(state)
    assert (state / "linstor.db").read_bytes() == content


def test_a_database_of_a_newer_release_is_refused(controller_process: services.Service) -> None:
    identity: ProcessIdentity = controller_process.identity
    processes.stop(identity, timeout_s=5)
    with sqlite3.connect(controller_process.state / "linstor.db") as database:
        database.execute("UPDATE settings SET value = '999' WHERE name = 'schema'")
    database.close()
    assert "newer release" in _start_and_fail(controller_process.state, 65)
