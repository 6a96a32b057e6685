"""What every storage driver has to keep, on the simulated node and on real devices alike.

A test module makes a class of `DriverContract` and gives it a fixture `rig`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import structs

from linstor_core.domain.errors import Code
from linstor_core.domain.observed import Failure, ResourceSeen
from linstor_core.satellite.contents import NodeContents
from linstor_core.satellite.convergence import converge
from linstor_core.satellite.executor import StepExecutor
from linstor_core.satellite.failures import SatelliteError
from linstor_core.satellite.observer import NodeObserver
from linstor_core.testing.content_exchange import exchange
from linstor_core.testing.cut_executor import Cut, CutExecutor
from linstor_core.testing.satellite_specs import SIZE_KIB, resource, snapshot, source, volume
from linstor_core.wire.resource_spec import PoolSpec, ResourceSpec

_MAX_STEPS = 40


class Rig(Protocol):
    """A node with one pool `p`, and what programs do on it."""

    pool: PoolSpec
    observer: NodeObserver
    executor: StepExecutor
    contents: NodeContents

    def write(self, device: str, content: bytes) -> None: ...

    def read(self, device: str, length: int) -> bytes: ...

    def opened(self, device: str) -> AbstractContextManager[object]:
        """The device is in use for as long."""

    def paths(self) -> list[str]:
        """The names of all files in the pool's directory."""

    def put_foreign(self, name: str, content: bytes) -> None:
        """A file in the pool's directory that is not ours."""

    def foreign(self, name: str) -> bytes: ...

    def remove(self, name: str) -> None:
        """As an administrator who removes a file by hand."""

    def reboot(self) -> None:
        """Every loop device is lost, and all that was remembered in memory."""


class Node:
    """A satellite's work on a rig, with what it has written down."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.known: dict[str, frozenset[str]] = {}
        self.specs: dict[str, ResourceSpec] = {}
        self.breaks_after = -1
        """So many frames of content come from another node, then the connection is lost."""

    def bring(self, spec: ResourceSpec, cut_after: int = -1) -> ResourceSeen:
        """Raises Cut when there was a step more than `cut_after`."""
        executor = self.rig.executor if cut_after < 0 else CutExecutor(self.rig.executor, cut_after)
        self.specs[spec.resource_name] = spec
        pools = {"P": self.rig.pool}
        while True:
            result = converge(spec, pools, self.known.get(spec.resource_name, frozenset()), self.rig.observer, executor)
            self.known[spec.resource_name] = result.known_data_ids
            if result.fetch is None:
                return result.seen
            try:
                exchange(self.rig.contents, tuple(self.specs.values()), pools, result.fetch, self.breaks_after)
            except SatelliteError as error:
                return structs.replace(result.seen, failures=(error.failure(),))

    def fine(self, spec: ResourceSpec) -> ResourceSeen:
        seen = self.bring(spec)
        assert seen.failures == (), seen.failures
        assert self.bring(spec, cut_after=0) == seen, "the second time there must be nothing to do"
        return seen

    def refused(self, spec: ResourceSpec) -> Failure:
        seen = self.bring(spec)
        assert seen.failures, "this had to be refused"
        assert seen.failures[0].cause, seen.failures
        return seen.failures[0]

    def device(self, spec: ResourceSpec, number: int = 0) -> str:
        seen = self.fine(spec).volume(number)
        assert seen is not None and seen.present and seen.device_path
        return seen.device_path

    def content(self, spec: ResourceSpec, number: int = 0) -> bytes:
        return self.rig.read(self.device(spec, number), 4)


class DriverContract:
    """Thin volumes with snapshots."""

    def test_a_volume_is_created_once_with_its_size(self, rig: Rig) -> None:
        seen = Node(rig).fine(resource(volume(), volume("d2", number=1)))
        assert [item.usable_kib for item in seen.volumes] == [SIZE_KIB, SIZE_KIB]
        assert len({item.device_path for item in seen.volumes}) == 2
        assert rig.paths() == ["r_00000.img", "r_00001.img"]

    def test_a_volume_grows_and_never_shrinks(self, rig: Rig) -> None:
        node = Node(rig)
        rig.write(node.device(resource(volume())), b"data")
        assert node.fine(resource(volume(size_kib=2 * SIZE_KIB))).volumes[0].usable_kib == 2 * SIZE_KIB
        assert node.fine(resource(volume())).volumes[0].usable_kib == 2 * SIZE_KIB
        assert node.content(resource(volume())) == b"data"

    def test_a_rollback_brings_the_content_of_the_snapshot_back(self, rig: Rig) -> None:
        node = Node(rig)
        rig.write(node.device(resource(volume())), b"old.")
        seen = node.fine(resource(volume(), snapshots=(snapshot(),)))
        assert seen.snapshots[0].present and seen.snapshots[0].create_timestamp_ms is not None
        rig.write(node.device(resource(volume())), b"new.")
        assert node.content(resource(volume("d2", replaces="d1", source=source("ds1", "s1")),
                                     snapshots=(snapshot(),))) == b"old."

    def test_a_snapshot_and_its_rollback_may_come_in_one_spec(self, rig: Rig) -> None:
        node = Node(rig)
        rig.write(node.device(resource(volume())), b"one.")
        node.fine(resource(volume(), snapshots=(snapshot(),)))
        rig.write(node.device(resource(volume())), b"two.")
        both = (snapshot(), snapshot("s2", "ds2", "d1"))
        assert node.content(resource(volume("d2", replaces="d1", source=source("ds1", "s1")),
                                     snapshots=both)) == b"one."
        clone = resource(volume("c1", name="c", source=source("ds2", "s2")), name="c")
        assert node.content(clone) == b"two."

    def test_a_clone_has_the_content_and_may_be_larger(self, rig: Rig) -> None:
        node = Node(rig)
        rig.write(node.device(resource(volume())), b"data")
        clone = resource(volume("c1", name="c", size_kib=2 * SIZE_KIB, source=source("d1")), name="c")
        rig.write(node.device(clone), b"mine")
        assert node.fine(clone).volumes[0].usable_kib == 2 * SIZE_KIB
        assert (node.content(resource(volume())), node.content(clone)) == (b"data", b"mine")

    def test_a_snapshot_of_content_that_was_replaced_is_refused(self, rig: Rig) -> None:
        node = Node(rig)
        node.fine(resource(volume(), snapshots=(snapshot(),)))
        rolled_back = volume("d2", replaces="d1", source=source("ds1", "s1"))
        node.fine(resource(rolled_back, snapshots=(snapshot(),)))
        late = snapshot("s2", "ds2", "d1")
        assert "d2" in node.refused(resource(rolled_back, snapshots=(snapshot(), late))).cause

    def test_a_snapshot_that_fails_keeps_the_content_from_being_replaced(self, rig: Rig) -> None:
        node = Node(rig)
        rig.write(node.device(resource(volume(), snapshots=(snapshot(),))), b"data")
        rig.put_foreign("r_00000_s2.img", b"else")
        node.refused(resource(volume("d2", replaces="d1", source=source("ds1", "s1")),
                              snapshots=(snapshot(), snapshot("s2", "ds2", "d1"))))
        assert node.content(resource(volume())) == b"data"

    def test_deleting_leaves_nothing_and_may_be_repeated(self, rig: Rig) -> None:
        node = Node(rig)
        node.fine(resource(volume(), snapshots=(snapshot(),)))
        gone = resource(volume(delete=True), snapshots=(snapshot(delete=True),))
        seen = node.fine(gone)
        assert not seen.volumes[0].present and not seen.snapshots[0].present
        assert rig.paths() == []

    def test_what_is_in_use_is_neither_deleted_nor_replaced(self, rig: Rig) -> None:
        node = Node(rig)
        device = node.device(resource(volume(), snapshots=(snapshot(),)))
        rig.write(device, b"data")
        with rig.opened(device):
            assert node.refused(resource(volume(delete=True), snapshots=(snapshot(),))).code == Code.IN_USE
            rolled_back = resource(volume("d2", replaces="d1", source=source("ds1", "s1")), snapshots=(snapshot(),))
            assert node.refused(rolled_back).code == Code.IN_USE
            assert node.refused(resource(volume(), active=False)).code == Code.IN_USE
            assert rig.read(device, 4) == b"data"
        assert node.device(resource(volume())) == device
        assert node.content(rolled_back) == b"\0" * 4

    def test_a_foreign_file_is_never_touched(self, rig: Rig) -> None:
        node = Node(rig)
        rig.put_foreign("r_00000.img", b"else")
        assert "not belong" in node.refused(resource(volume())).message
        assert node.refused(resource(volume("d1", replaces="d0", source=source("x")))).correction
        node.fine(resource(volume(delete=True)))
        assert rig.foreign("r_00000.img") == b"else"

    def test_a_deletion_spares_content_of_another_identity(self, rig: Rig) -> None:
        node = Node(rig)
        rig.write(node.device(resource(volume())), b"data")
        node.fine(resource(volume("d9", delete=True)))
        assert node.content(resource(volume())) == b"data"

    def test_a_volume_that_vanished_is_not_made_again_empty(self, rig: Rig) -> None:
        node = Node(rig)
        node.fine(resource(volume(), snapshots=(snapshot(),)))
        rig.remove("r_00000.img")
        assert "vanished" in node.refused(resource(volume(), snapshots=(snapshot(),))).message
        rig.remove("r_00000_s1.img")
        assert len(node.bring(resource(volume(), snapshots=(snapshot(),))).failures) == 2
        node.fine(resource(volume(delete=True), snapshots=(snapshot(delete=True),)))
        assert rig.paths() == []

    def test_an_inactive_volume_keeps_its_data_without_a_device(self, rig: Rig) -> None:
        node = Node(rig)
        rig.write(node.device(resource(volume())), b"data")
        seen = node.fine(resource(volume(), active=False)).volumes[0]
        assert seen.present and not seen.device_path
        assert node.content(resource(volume())) == b"data"

    def test_devices_come_back_after_a_reboot(self, rig: Rig) -> None:
        node = Node(rig)
        rig.write(node.device(resource(volume())), b"data")
        rig.reboot()
        assert node.content(resource(volume())) == b"data"

    def test_a_pool_that_cannot_be_looked_at_blocks_every_plan(self, rig: Rig) -> None:
        node = Node(rig)
        node.fine(resource(volume()))
        real, lost = rig.pool, {"StorDriver/StorPoolName": "/nonexistent/pool"}
        rig.pool = PoolSpec("p", real.kind, lost)
        assert node.bring(resource(volume(), volume("d2", number=1))).failures
        assert node.bring(resource(volume(delete=True))).failures
        rig.pool = real
        node.fine(resource(volume()))

    def test_no_space_says_so_and_leaves_nothing(self, rig: Rig) -> None:
        node = Node(rig)
        thick = PoolSpec("p", type(rig.pool.kind)("FILE"), rig.pool.props)
        rig.pool, thin = thick, rig.pool
        assert node.refused(resource(volume(size_kib=1 << 33))).code == Code.NOT_ENOUGH_FREE_SPACE
        assert rig.paths() == []
        rig.pool = thin

    def test_a_missing_or_changed_source_is_refused(self, rig: Rig) -> None:
        node = Node(rig)
        node.refused(resource(volume("c1", name="c", source=source("d1")), name="c"))
        node.fine(resource(volume()))
        assert "d1" in node.refused(resource(volume("c1", name="c", source=source("d7")), name="c")).cause

    def test_a_crash_after_any_step_comes_to_the_same_end(self, rig: Rig) -> None:
        for before, after in _OPERATIONS:
            for cut_after in range(_MAX_STEPS):
                node = Node(rig)
                for spec in before:
                    node.fine(spec)
                try:
                    node.bring(after, cut_after)
                except Cut:
                    ended = False
                else:
                    ended = True
                node.fine(after)
                assert [name for name in rig.paths() if name.startswith(".")] == []
                _clear(node)
                assert rig.paths() == []
                if ended:
                    assert cut_after > 0, "the operation had no step"
                    break
            else:
                raise AssertionError("the operation does not end")


def _clear(node: Node) -> None:
    """Delete whatever the operations below may leave behind."""
    volumes = [volume("d1", delete=True, replaces="d2"), volume("d3", number=1, delete=True)]
    node.fine(resource(*volumes, snapshots=(snapshot(delete=True),)))
    node.fine(resource(volume("c1", name="c", delete=True), name="c"))


_ONE = resource(volume())
_WITH_SNAPSHOT = resource(volume(), snapshots=(snapshot(),))
_OPERATIONS: tuple[tuple[tuple[ResourceSpec, ...], ResourceSpec], ...] = (
    ((), resource(volume(), volume("d3", number=1))),
    ((), resource(volume(file_system="ext4"), volume("d3", number=1))),
    ((_ONE,), resource(volume(size_kib=2 * SIZE_KIB))),
    ((_ONE,), _WITH_SNAPSHOT),
    ((_WITH_SNAPSHOT,), resource(volume("d2", replaces="d1", source=source("ds1", "s1")), snapshots=(snapshot(),))),
    ((_WITH_SNAPSHOT,), resource(volume("c1", name="c", source=source("ds1", "s1")), name="c")),
    ((_ONE,), resource(volume("c1", name="c", source=source("d1"), size_kib=2 * SIZE_KIB), name="c")),
    ((_WITH_SNAPSHOT,), resource(volume(delete=True), snapshots=(snapshot(delete=True),))),
    ((_ONE,), resource(volume(), active=False)),
)
