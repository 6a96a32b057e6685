"""Names change, data does not: what is known of content follows its uuid, in memory and on disk."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import structs

from linstor_core.satellite.registry import Registry
from linstor_core.satellite.spec_store import SpecStore, StoredResource
from linstor_core.testing.satellite_specs import resource, snapshot, volume


def stored(name: str, uuid: str, *data_ids: str, delete: bool = False) -> StoredResource:
    spec = structs.replace(resource(volume(f"d-{uuid}", delete=delete), name=name), uuid=uuid)
    return StoredResource(spec, 1, frozenset(data_ids))


def known(registry: Registry) -> dict[str, set[str]]:
    return {entry.key: set(entry.stored.known_data_ids) for entry in registry.all()}


def on_disk(folder: Path, before: dict[str, StoredResource], registry: Registry, *order: str) -> dict[str, set[str]]:
    """What a satellite finds that starts after these entries, in this order, were stored."""

    async def write(threads: ThreadPoolExecutor) -> dict[str, set[str]]:
        store = SpecStore(folder, threads)
        await store.put(*before.values())
        for name in order:
            entry = registry.get(name)
            assert entry is not None
            await store.put(registry.moves(entry, entry.stored))
        await store.close()
        again = SpecStore(folder, threads)
        try:
            return {key: set(found.known_data_ids) for key, found in again.resources.items()}
        finally:
            await again.close()

    with ThreadPoolExecutor(1) as threads:
        return asyncio.run(write(threads))


def loaded(*resources: StoredResource) -> tuple[Registry, dict[str, StoredResource]]:
    registry, disk = Registry(), {}
    for each in resources:
        key = each.spec.resource_name.upper()
        registry.load(key, each)
        disk[key] = each
    return registry, disk


def test_a_rename_takes_along_what_is_known(tmp_path: Path) -> None:
    registry, disk = loaded(stored("a", "u1", "d-u1"))
    registry.submit(stored("b", "u1"))
    assert known(registry) == {"B": {"d-u1"}}
    assert registry.drop("a") == "", "the record on disk still holds what is known"
    assert on_disk(tmp_path, disk, registry, "b") == {"B": {"d-u1"}}


def test_the_freed_name_is_taken_at_once(tmp_path: Path) -> None:
    for order in (("a", "b"), ("b", "a")):
        registry, disk = loaded(stored("a", "u1", "d-u1"))
        registry.submit(stored("a", "u2"))
        registry.submit(stored("b", "u1"))
        assert known(registry) == {"A": set(), "B": {"d-u1"}}
        assert on_disk(tmp_path / order[0], disk, registry, *order) == {"A": set(), "B": {"d-u1"}}


def test_names_are_swapped(tmp_path: Path) -> None:
    for order in (("a", "b"), ("b", "a")):
        registry, disk = loaded(stored("a", "u1", "d-u1"), stored("b", "u2", "d-u2"))
        registry.submit(stored("a", "u2"))
        registry.submit(stored("b", "u1"))
        assert known(registry) == {"A": {"d-u2"}, "B": {"d-u1"}}
        assert on_disk(tmp_path / order[0], disk, registry, *order) == {"A": {"d-u2"}, "B": {"d-u1"}}


def test_one_whose_new_name_is_not_known_yet_is_parked(tmp_path: Path) -> None:
    registry, disk = loaded(stored("a", "u1", "d-u1"))
    registry.submit(stored("a", "u2"))
    assert known(registry) == {"?U1": {"d-u1"}, "A": set()}
    assert [entry.key for entry in registry.active()] == ["A"]
    assert on_disk(tmp_path, disk, registry, "a") == {"A": set(), "?U1": {"d-u1"}}
    again = Registry()
    again.load("?U1", disk["A"])
    again.submit(stored("c", "u1"))
    assert known(again) == {"C": {"d-u1"}}


def test_what_was_to_go_anyway_makes_room() -> None:
    registry, _ = loaded(stored("a", "u1", "d-u1", delete=True))
    registry.submit(stored("a", "u2"))
    assert set(known(registry)) == {"A"}


def test_a_snapshot_is_enough_to_be_known_by() -> None:
    spec = structs.replace(resource(snapshots=(snapshot(),)), uuid="")
    registry, _ = loaded(StoredResource(spec, 1, frozenset({"ds1"})))
    registry.submit(StoredResource(structs.replace(spec, resource_name="other"), 1))
    assert known(registry) == {"OTHER": {"ds1"}}


def test_another_case_of_letters_is_the_same_name() -> None:
    registry, _ = loaded(stored("a", "u1", "d-u1"))
    registry.submit(stored("A", "u1"))
    assert known(registry) == {"A": {"d-u1"}}
    assert registry.drop("a") == "A"


def test_a_name_goes_round(tmp_path: Path) -> None:
    registry, disk = loaded(stored("a", "u1", "d-u1"))
    for name in ("b", "c", "a", "d"):
        registry.submit(stored(name, "u1"))
    assert on_disk(tmp_path, disk, registry, "d") == {"D": {"d-u1"}}
