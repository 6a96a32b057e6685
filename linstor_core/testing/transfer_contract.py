"""What a node has to keep when content crosses to another one, simulated or on real files.

A test module makes a class of `TransferContract` and gives it a fixture `rig`.
"""

from __future__ import annotations

import hashlib

import pytest
from msgspec import structs

from linstor_core.domain.errors import Code
from linstor_core.domain.resources import DataSource
from linstor_core.satellite.storage.driver import POOL_DIRECTORY
from linstor_core.testing.driver_contract import Node, Rig
from linstor_core.testing.satellite_specs import SIZE_KIB, resource, snapshot, volume
from linstor_core.wire.resource_spec import (
    Address,
    Origin,
    PoolSpec,
    ResourceSpec,
    SnapshotSpec,
    SnapshotVolumeSpec,
    VolumeSpec,
)

_TOKEN = "the token of a test"
_MIB = 1024 * 1024
_PATTERN = b"data" + hashlib.sha256(b"what a volume holds").digest() * (5 * _MIB // 64)
"""Larger than two frames."""


_FRAMES = 7
"""The offer, and three times a piece and a checksum."""


def offered(*, active: bool = False, snapshots: tuple[SnapshotSpec, ...] = ()) -> ResourceSpec:
    """`r` as its node has it while it is moved away."""
    return resource(structs.replace(volume(), offer=_TOKEN), active=active, snapshots=snapshots)


def fetched(data_id: str = "c1", *, size_kib: int = SIZE_KIB, token: str = _TOKEN, wanted: str = "d1") -> ResourceSpec:
    """`c`, which becomes what `r` is on another node."""
    return resource(moved(data_id, size_kib=size_kib, token=token, wanted=wanted), name="c")


def moved(data_id: str = "c1", *, size_kib: int = SIZE_KIB, token: str = _TOKEN, wanted: str = "d1") -> VolumeSpec:
    source = DataSource("r_00000", "p", wanted, node_name="other")
    return structs.replace(volume(data_id, name="c", size_kib=size_kib, source=source), origin=origin(token))


def origin(token: str = _TOKEN) -> Origin:
    return Origin("other", (Address("192.0.2.1", 3366),), token)


class TransferContract:
    """A volume `r` that moves to become `c`; both lie in one pool, since a rig has only one."""

    @pytest.fixture
    def node(self, rig: Rig) -> Node:
        """`r` has content, and is offered."""
        node = Node(rig)
        rig.write(node.device(resource(volume())), _PATTERN)
        node.fine(offered())
        return node

    def test_the_content_is_the_same_and_the_source_keeps_it(self, node: Node) -> None:
        seen = node.fine(fetched(size_kib=2 * SIZE_KIB)).volumes[0]
        assert seen.usable_kib == 2 * SIZE_KIB and seen.allocated_kib < 4096
        assert node.rig.read(seen.device_path, len(_PATTERN) + 4) == _PATTERN + bytes(4)
        assert node.rig.read(node.device(resource(volume())), len(_PATTERN)) == _PATTERN

    def test_a_thick_volume_owns_its_blocks_and_has_the_content(self, node: Node) -> None:
        node.rig.pool = PoolSpec("p", type(node.rig.pool.kind)("FILE"), node.rig.pool.props)
        seen = node.fine(fetched()).volumes[0]
        assert seen.allocated_kib >= SIZE_KIB
        assert node.rig.read(seen.device_path, len(_PATTERN) + 4) == _PATTERN + bytes(4)

    def test_one_token_may_stand_for_several_volumes(self, rig: Rig) -> None:
        node = Node(rig)
        both = resource(volume(), volume("e1", number=1))
        for number, content in enumerate((b"zero", b"one.")):
            rig.write(node.device(both, number), content)
        node.fine(resource(*(structs.replace(each, offer=_TOKEN) for each in both.volumes), active=False))
        sources = [DataSource(each.identifier, "p", each.data_id, node_name="other") for each in both.volumes]
        copies = [structs.replace(volume(f"c{number}", name="c", number=number, source=source), origin=origin())
                  for number, source in enumerate(sources)]
        copy = resource(*copies, name="c")
        assert (node.content(copy, 0), node.content(copy, 1)) == (b"zero", b"one.")

    def test_nothing_is_given_without_a_standing_offer(self, node: Node) -> None:
        assert "offers no such content" in node.refused(fetched(token="another")).message
        assert "other content" in node.refused(fetched(wanted="d9")).message
        node.fine(resource(volume(), active=False))
        assert "offers no such content" in node.refused(fetched()).message
        node.fine(offered(active=True))
        assert "offers no such content" in node.refused(fetched()).message
        assert "r_00000.img" in node.rig.paths() and "c_00000.img" not in node.rig.paths()

    def test_nothing_is_given_while_a_device_is_over_it(self, node: Node) -> None:
        device = node.device(resource(volume()))
        with node.rig.opened(device):
            assert node.refused(offered()).code == Code.IN_USE
            refusal = node.refused(fetched())
            assert refusal.code == Code.IN_USE and device in refusal.message
        node.fine(offered())
        assert node.content(fetched()) == b"data"

    def test_whatever_frame_is_the_last_it_comes_to_the_same_end(self, node: Node) -> None:
        for frames in range(10):
            copy = fetched(f"c{frames}")
            node.breaks_after = frames
            broken = node.bring(copy)
            node.breaks_after = -1
            assert node.rig.read(node.device(copy), len(_PATTERN)) == _PATTERN
            assert [name for name in node.rig.paths() if name.startswith(".")] == []
            node.fine(resource(volume(f"c{frames}", name="c", delete=True), name="c"))
            if not broken.failures:
                assert frames == _FRAMES
                return
            assert broken.failures[0].code == Code.NOT_CONNECTED
        raise AssertionError("the transfer does not end")

    def test_what_has_been_checked_does_not_come_again(self, node: Node) -> None:
        node.breaks_after = _FRAMES - 1
        node.refused(fetched())
        node.breaks_after = 3  # the offer, the last piece and its checksum
        assert node.rig.read(node.device(fetched()), len(_PATTERN)) == _PATTERN

    def test_what_arrived_under_another_token_is_not_used(self, node: Node) -> None:
        node.breaks_after = _FRAMES - 1
        node.refused(fetched())
        node.fine(resource(structs.replace(volume(), offer="another"), active=False))
        node.refused(fetched(token="another"))
        node.breaks_after = _FRAMES
        assert node.rig.read(node.device(fetched(token="another")), len(_PATTERN)) == _PATTERN

    def test_a_deletion_takes_what_has_arrived_along(self, node: Node) -> None:
        node.breaks_after = 2
        node.refused(fetched())
        assert any(name.startswith(".c_00000") for name in node.rig.paths())
        node.fine(resource(structs.replace(moved(), delete=True), name="c"))
        assert node.rig.paths() == ["r_00000.img"]

    def test_what_arrived_of_content_that_has_changed_since_is_not_used(self, node: Node) -> None:
        node.breaks_after = _FRAMES - 1
        node.refused(fetched())
        node.rig.write(node.device(resource(volume())), b"more")
        node.fine(offered())
        node.breaks_after = -1
        assert node.content(fetched()) == b"more"

    def test_a_snapshot_becomes_one_of_the_other_node_while_the_volume_is_in_use(self, rig: Rig) -> None:
        node = Node(rig)
        rig.write(node.device(resource(volume())), b"old.")
        node.fine(resource(volume(), snapshots=(snapshot(),)))
        rig.write(node.device(resource(volume())), b"new.")
        part = SnapshotVolumeSpec(0, "p", "r_00000", "ds1", "d1", offer=_TOKEN)
        original = node.fine(resource(volume(), snapshots=(SnapshotSpec("s1", "uuid-s1", (part,)),))).snapshots[0]
        source = DataSource("r_00000", "p", "ds1", "s1", "other")
        copy = SnapshotVolumeSpec(0, "p", "c_00000", "cs1", "d1", source, origin())
        snapshots = (SnapshotSpec("s1", "uuid-c1", (copy,)),)
        made = node.fine(resource(name="c", snapshots=snapshots)).snapshots[0]
        assert made.present and made.create_timestamp_ms == original.create_timestamp_ms
        restored = volume("x1", name="x", source=DataSource("c_00000", "p", "cs1", "s1"))
        assert node.content(resource(restored, name="x")) == b"old."

    def test_no_space_says_so_and_leaves_nothing(self, node: Node) -> None:
        node.rig.pool = PoolSpec("p", type(node.rig.pool.kind)("FILE"), node.rig.pool.props)
        assert node.refused(fetched(size_kib=1 << 33)).code == Code.NOT_ENOUGH_FREE_SPACE
        assert node.rig.paths() == ["r_00000.img"]

    def test_a_pool_that_cannot_be_looked_at_blocks_the_fetch(self, node: Node) -> None:
        node.rig.pool = PoolSpec("p", node.rig.pool.kind, {POOL_DIRECTORY: "/nonexistent/pool"})
        assert node.bring(fetched()).failures
