"""What is stored survives restarts, torn ends and damaged frames."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from linstor_core.satellite.spec_store import Forgotten, Identity, SpecStore, StoredPools, StoredResource
from linstor_core.testing.satellite_specs import pool, resource, volume
from tools import processes

ONE = StoredResource(resource(volume()), 3, frozenset({"d1"}))
TWO = StoredResource(resource(volume("d2", name="t"), name="t"), 3)


def _store(state: Path, *records: Identity | StoredPools | StoredResource | Forgotten) -> SpecStore:
    """Open it, put the records, close it."""
    async def scenario() -> SpecStore:
        with ThreadPoolExecutor(1) as threads:
            store = SpecStore(state, threads)
            await asyncio.gather(*(store.put(record) for record in records))
            await store.close()
            return store
    return asyncio.run(scenario())


def test_everything_comes_back(tmp_path: Path) -> None:
    pools = StoredPools(7, (pool("/pool"),))
    _store(tmp_path, Identity("c", 3), pools, ONE, TWO, Forgotten("T"))
    found = _store(tmp_path)
    assert (found.identity, found.pools, found.resources) == (Identity("c", 3), pools, {"R": ONE})


@pytest.mark.parametrize("torn_bytes", [1, 5, 40])
def test_a_torn_end_costs_the_last_record_only(tmp_path: Path, torn_bytes: int) -> None:
    _store(tmp_path, Identity("c", 3), ONE)
    _store(tmp_path, TWO)
    journal = tmp_path / "specs.journal"
    journal.write_bytes(journal.read_bytes()[:-torn_bytes])
    assert _store(tmp_path).resources == {"R": ONE}


def test_a_damaged_frame_costs_itself_only(tmp_path: Path) -> None:
    _store(tmp_path, Identity("c", 3), ONE)
    _store(tmp_path, TWO)
    journal = tmp_path / "specs.journal"
    content = bytearray(journal.read_bytes())
    content[content.index(b"uuid-r")] ^= 0xFF
    journal.write_bytes(content)
    found = _store(tmp_path)
    assert (found.identity.cluster_id, found.resources) == ("c", {"T": TWO})


@pytest.mark.parametrize("content", [b"", b"nothing of ours", b"LSJ1", b"\0" * 4096])
def test_a_journal_that_is_none_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "specs.journal").write_bytes(content)
    assert _store(tmp_path, ONE).resources == {"R": ONE}


def test_the_journal_does_not_grow_without_end(tmp_path: Path) -> None:
    large = StoredResource(resource(*(volume(f"d{number}", number=number) for number in range(500))), 3)
    for _ in range(4):
        _store(tmp_path, *(large for _ in range(60)))
    assert (tmp_path / "specs.journal").stat().st_size < 6 * 1024 * 1024
    assert _store(tmp_path).resources == {"R": large}


def test_two_satellites_never_share_a_state(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        store = SpecStore(tmp_path, threads)
        with pytest.raises(BlockingIOError, match="another satellite"):
            SpecStore(tmp_path, threads)
        asyncio.run(store.close())


def test_a_full_state_directory_is_told_and_made_up_for_later(root_required: None, tmp_path: Path) -> None:
    async def scenario() -> None:
        with ThreadPoolExecutor(1) as threads:
            store = SpecStore(tmp_path, threads)
            await store.put(ONE)
            ballast.write_bytes(b"\0" * 100_000)
            with contextlib.suppress(OSError), ballast.open("ab") as rest:
                rest.write(b"\0" * 1_000_000)
            with pytest.raises(OSError, match="space"):
                await store.put(large)
            ballast.unlink()
            await store.put(Identity("c", 3))
            await store.close()

    ballast = tmp_path / "ballast"
    large = StoredResource(resource(*(volume(f"d{number}", number=number) for number in range(500)), name="l"), 3)
    processes.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(tmp_path)])
    try:
        asyncio.run(scenario())
        found = _store(tmp_path)
        assert (found.identity, found.resources) == (Identity("c", 3), {"R": ONE, "L": large})
    finally:
        processes.run(["umount", str(tmp_path)])
