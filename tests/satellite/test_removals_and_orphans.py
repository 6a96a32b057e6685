"""Removals that come back to a satellite later, and files that nobody names, on a simulated node in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import structs

from linstor_core.domain.errors import Code
from linstor_core.domain.observed import OrphanSeen, ResourceSeen
from linstor_core.satellite.reconciler import Reconciler, World
from linstor_core.satellite.spec_store import SpecStore, StoredPools, StoredResource
from linstor_core.testing.satellite_specs import pool, resource, snapshot, volume
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.testing.virtual_clock import VirtualClock
from linstor_core.wire.resource_spec import ResourceSpec

GONE = resource(volume(delete=True), name="!t", generation=2)


class Bench:
    def __init__(self, node: SimulatedNode, store: SpecStore, threads: ThreadPoolExecutor) -> None:
        self.node = node
        self.store = store
        self.clock = VirtualClock()
        self.told: dict[str, ResourceSeen] = {}
        self.orphans: list[tuple[OrphanSeen, ...]] = []
        self.reconciler = Reconciler(World(node, node, self.clock, lambda: 0.5), store, threads,
                                     lambda seen: self.told.update({seen.resource_name: seen}), lambda _: None,
                                     on_orphans=self.orphans.append)

    async def sync(self, *specs: ResourceSpec) -> None:
        """As a satellite does with a full sync."""
        self.reconciler.follow(specs)
        await self.reconciler.forget_others(spec.resource_name for spec in specs)
        await self.reconciler.apply_pools(StoredPools(1, (pool("/pool"),)))
        await asyncio.gather(*[self.reconciler.apply(StoredResource(spec, 1)) for spec in specs])

    async def until(self, condition: Callable[[], bool], step_s: float = 1) -> None:
        """Let virtual time pass until it holds, at most 3000 steps."""
        for _ in range(3000):
            if condition():
                return
            await self.clock.advance(step_s)
        raise AssertionError("waited in vain")

    @property
    def strays(self) -> list[str]:
        """The identities of what was told last; nothing told yet is nothing there."""
        return [orphan.data_id for orphan in self.orphans[-1]] if self.orphans else []

    def content(self, path: str) -> str:
        return self.node.files[path].data_id

    @property
    def files(self) -> set[str]:
        return set(self.node.files)


@asynccontextmanager
async def bench(state: Path, node: SimulatedNode | None = None) -> AsyncIterator[Bench]:
    with ThreadPoolExecutor(4) as threads:
        store = SpecStore(state, threads)
        made = Bench(node or SimulatedNode(("/pool",)), store, threads)
        made.reconciler.start("node1")
        try:
            yield made
        finally:
            await made.reconciler.stop()
            await store.close()


def played(state: Path, *acts: Callable[[Bench], Awaitable[None]]) -> None:
    """Each act after a restart of the satellite on the same node."""
    async def scenario() -> None:
        node = SimulatedNode(("/pool",))
        for act in acts:
            async with bench(state, node) as it:
                await act(it)

    asyncio.run(scenario())


async def made(it: Bench) -> None:
    await it.sync(resource(volume()))
    assert it.files == {"/pool/r_00000.img"}


def renamed(spec: ResourceSpec, uuid: str) -> ResourceSpec:
    return structs.replace(spec, uuid=uuid)


@pytest.mark.parametrize("identity", ["uuid-r", "!t"])
def test_the_old_goes_and_a_new_one_of_the_same_name_comes(tmp_path: Path, identity: str) -> None:
    new = structs.replace(resource(volume("d2"), generation=3), uuid="uuid-2", volumes=(
        structs.replace(volume("d2"), identifier="r.1_00000"),))

    async def back(it: Bench) -> None:
        await it.sync(renamed(GONE, identity), new)
        assert it.files == {"/pool/r.1_00000.img"}
        assert not it.told["!t"].failures
        assert [seen.present for seen in it.told["!t"].volumes] == [False]
        assert it.store.resources["R"].known_data_ids == {"d2"}
        assert it.store.resources["!T"].known_data_ids == {"d1"}

    async def done(it: Bench) -> None:
        await it.sync(new)
        assert set(it.store.resources) == {"R"}
        assert it.files == {"/pool/r.1_00000.img"}

    played(tmp_path, made, back, done)


class Mounted(SimulatedNode):
    """Its pool's directory can be another one than that in which volumes were complete."""

    marker = "first"

    def pool(self, pool):  # type: ignore[no-untyped-def]
        return structs.replace(super().pool(pool), marker=self.marker)


WITH_SNAPSHOT = resource(volume(), snapshots=(snapshot(),))
NO_SNAPSHOT = structs.replace(resource(snapshots=(snapshot(delete=True),), generation=2), uuid="")


@pytest.mark.parametrize(("before", "after"), [
    ([resource(volume())], [structs.replace(GONE, uuid="uuid-r")]),
    ([WITH_SNAPSHOT], [structs.replace(GONE, uuid="!t"), NO_SNAPSHOT]),
    ([WITH_SNAPSHOT], [resource(volume(delete=True), snapshots=(snapshot(delete=True),), generation=2)])],
    ids=["moved", "apart", "itself"])
def test_a_pool_that_is_not_mounted_is_not_taken_for_an_empty_one(tmp_path: Path, before: list[ResourceSpec],
                                                                  after: list[ResourceSpec]) -> None:
    async def scenario() -> None:
        node = Mounted(("/pool",))
        async with bench(tmp_path, node) as it:
            await it.sync(*before)
        hidden = {path: node.files.pop(path) for path in list(node.files)}
        node.marker = "mount point"
        async with bench(tmp_path, node) as it:
            await it.sync(*after)
            assert it.told.keys() == {spec.resource_name for spec in after}
            for seen in it.told.values():
                assert seen.failures
                assert (seen.volumes, seen.snapshots) == ((), ()), "what can't be looked at is not told to be gone"
            node.files.update(hidden)
            node.marker = "first"
            await it.until(lambda: not it.files and not any(seen.failures for seen in it.told.values()))

    asyncio.run(scenario())


def test_a_device_in_use_is_freed_by_nobody_and_tried_again(tmp_path: Path) -> None:
    async def back(it: Bench) -> None:
        (device,) = it.node.loops
        it.node.open_devices.add(device)
        await it.sync(GONE)
        assert [failure.code for failure in it.told["!t"].failures] == [Code.IN_USE]
        assert it.files == {"/pool/r_00000.img"}
        it.node.open_devices.clear()
        await it.until(lambda: not it.told["!t"].failures)
        assert it.files == set()

    played(tmp_path, made, back)


def test_what_was_to_be_replaced_is_there_until_it_is_gone(tmp_path: Path) -> None:
    """A rollback did not come about, and then all of it is deleted: the old content counts as well."""
    async def back(it: Bench) -> None:
        (device,) = it.node.loops
        it.node.open_devices.add(device)
        await it.sync(resource(volume("d2", replaces="d1", delete=True), generation=2))
        assert it.told["r"].failures
        assert [(seen.present, seen.data_id) for seen in it.told["r"].volumes] == [(True, "d1")]
        it.node.open_devices.clear()
        await it.clock.advance(600)
        assert it.content("/pool/r_00000.img") == "d1", "it was called off"
        assert [failure.code for failure in it.told["r"].failures] == [Code.IN_USE]
        await it.sync(resource(volume("d2", replaces="d1", delete=True), generation=3))
        assert [seen.present for seen in it.told["r"].volumes] == [False]
        assert it.files == set()

    played(tmp_path, made, back)


def test_other_content_under_the_same_name_is_left_alone(tmp_path: Path) -> None:
    async def back(it: Bench) -> None:
        await it.sync(structs.replace(GONE, volumes=(volume("other", delete=True),)))
        assert it.content("/pool/r_00000.img") == "d1"
        assert not it.told["!t"].failures

    played(tmp_path, made, back)


def test_a_removed_snapshot_leaves_the_volume_and_its_other_snapshots(tmp_path: Path) -> None:
    first, second = snapshot("s1", "ds1"), snapshot("s2", "ds2")

    async def with_snapshots(it: Bench) -> None:
        await it.sync(resource(volume(), snapshots=(first, second)))
        assert len(it.files) == 3

    async def back(it: Bench) -> None:
        gone = structs.replace(first, uuid="!s", delete=True)
        await it.sync(structs.replace(resource(name="!s", snapshots=(gone,)), uuid="!s"),
                      resource(volume(), snapshots=(second,), generation=2))
        assert it.files == {"/pool/r_00000.img", "/pool/r_00000_s2.img"}
        assert it.store.resources["R"].known_data_ids == {"d1", "ds2"}
        assert [seen.present for seen in it.told["!s"].snapshots] == [False]

    played(tmp_path, with_snapshots, back)


def test_a_snapshot_that_is_to_go_is_there_as_long_as_any_of_it_is(tmp_path: Path) -> None:
    both = structs.replace(snapshot("s1"), volumes=(
        snapshot("s1").volumes[0], structs.replace(snapshot("s1", "ds2", "d2").volumes[0], number=1,
                                                   identifier="r_00001")))
    volumes = (volume(), volume("d2", number=1))

    async def with_snapshot(it: Bench) -> None:
        await it.sync(resource(*volumes, snapshots=(both,)))
        assert it.told["r"].snapshots[0].present

    async def half(it: Bench) -> None:
        it.node.unreadable["/pool/.r_00001_s1.ds2.tmp"] = "nobody can look"
        await it.sync(resource(*volumes, snapshots=(structs.replace(both, delete=True),), generation=2))
        assert "/pool/r_00000_s1.img" not in it.files
        assert it.told["r"].snapshots[0].present

    played(tmp_path, with_snapshot, half)


def test_orphans_are_told_when_they_come_and_go(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as it:
            await made(it)
            assert await it.reconciler.orphans() == ()
            stray = it.node.files["/pool/r_00000.img"]
            it.node.files["/pool/stray_00000.img"] = structs.replace(stray, data_id="d9", file_id="0:1:99")
            await it.until(lambda: it.strays == ["d9"])
            (found,) = it.orphans[-1]
            assert (found.path, found.pool, found.data_id, found.state, found.size_bytes) == (
                "/pool/stray_00000.img", "p", "d9", "ready", stray.size_bytes)
            told = len(it.orphans)
            await it.clock.advance(60)
            assert len(it.orphans) == told
            del it.node.files["/pool/stray_00000.img"]
            await it.until(lambda: it.strays == [])

    asyncio.run(scenario())


def test_orphans_are_looked_for_when_somebody_has_a_reason_to(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as it:
            await made(it)
            stray = it.node.files["/pool/r_00000.img"]
            it.node.files["/pool/stray_00000.img"] = structs.replace(stray, data_id="d9", file_id="0:1:99")
            it.reconciler.look_for_orphans()
            await it.until(lambda: it.strays == ["d9"], step_s=0.001)

    asyncio.run(scenario())


def test_an_orphan_that_a_spec_names_is_none_until_it_is_forgotten_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as it:
            await made(it)
            for _ in range(2):
                await it.reconciler.forget("r")
                await it.until(lambda: it.strays == ["d1"])
                await it.reconciler.apply(StoredResource(resource(volume()), 1))
                assert it.strays == []

    asyncio.run(scenario())


def test_orphans_of_a_pool_that_can_t_be_looked_at_stay_known(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as it:
            await made(it)
            await it.reconciler.forget("r")
            await it.until(lambda: it.strays == ["d1"])
            it.node.directories.clear()
            assert [orphan.data_id for orphan in await it.reconciler.orphans()] == ["d1"]

    asyncio.run(scenario())


def test_adopted_content_is_taken_over_and_never_made_anew(tmp_path: Path) -> None:
    adopted = structs.replace(volume(), must_exist=True, identifier="r_00000")

    async def abandoned(it: Bench) -> None:
        await made(it)
        await it.reconciler.forget("r")

    async def taken(it: Bench) -> None:
        await it.sync(renamed(resource(adopted, name="web"), "uuid-web"))
        assert not it.told["web"].failures
        assert it.told["web"].volumes[0].present
        assert it.content("/pool/r_00000.img") == "d1"

    async def missing(it: Bench) -> None:
        await it.sync(renamed(resource(structs.replace(adopted, data_id="d5", identifier="x_00000"), name="lost"),
                              "uuid-lost"))
        assert it.told["lost"].failures
        assert "/pool/x_00000.img" not in it.files

    played(tmp_path, abandoned, taken, missing)
