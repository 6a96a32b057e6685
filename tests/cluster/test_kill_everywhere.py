"""kill -9 before and after every step of every operation, on real devices: the same end, and nothing lost or left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.kill_points import LATER, MIB, PATTERN, Operation, System, killed_everywhere, until
from tools import processes


class Create(Operation):
    files = ("made_00000.img",)

    def prepare(self, system: System) -> None:
        pass

    def act(self, system: System) -> None:
        system.create("made")

    def settled(self, system: System) -> bool:
        return "made" in system.names()

    def check(self, system: System) -> None:
        system.write("made", PATTERN)
        assert system.read("made") == PATTERN


class CreateWithFileSystem(Create):
    files = ("made_00000.img",)

    def prepare(self, system: System) -> None:
        system.call("PUT", "/v1/resource-groups/grp", {"override_props": {"FileSystem/Type": "ext4"}})

    def check(self, system: System) -> None:
        processes.run(["e2fsck", "-fn", system.device("made")])


class Grow(Operation):
    files = ("base_00000.img",)

    def act(self, system: System) -> None:
        system.call("PUT", "/v1/resource-definitions/base/volume-definitions/0", {"size_kib": 16 * 1024})

    def settled(self, system: System) -> bool:
        return system.size_bytes("base") == 16 * MIB


class Snapshot(Operation):
    files = ("base_00000.img", "base_00000_snap.img")

    def act(self, system: System) -> None:
        system.call("POST", "/v1/resource-definitions/base/snapshots", {"name": "snap"})

    def settled(self, system: System) -> bool:
        return system.snapshots("base") == ["snap"]

    def check(self, system: System) -> None:
        super().check(system)
        assert (system.pool / "base_00000_snap.img").read_bytes()[:MIB] == PATTERN


class DeleteSnapshot(Snapshot):
    files = ("base_00000.img",)

    def prepare(self, system: System) -> None:
        super().prepare(system)
        super().act(system)

    def act(self, system: System) -> None:
        system.call("DELETE", "/v1/resource-definitions/base/snapshots/snap")

    def settled(self, system: System) -> bool:
        return not system.call("GET", "/v1/resource-definitions/base/snapshots")

    def check(self, system: System) -> None:
        assert system.read("base") == PATTERN


class Restore(Snapshot):
    files = ("base_00000.img", "base_00000_snap.img", "copy_00000.img")

    def prepare(self, system: System) -> None:
        super().prepare(system)
        super().act(system)
        system.write("base", LATER)

    def act(self, system: System) -> None:
        source = "/v1/resource-definitions/base"
        if "copy" not in system.names():
            system.call("POST", "/v1/resource-definitions", {"resource_definition": {"name": "copy"}})
        if not system.call("GET", "/v1/resource-definitions/copy/volume-definitions"):
            system.call("POST", f"{source}/snapshot-restore-volume-definition/snap", {"to_resource": "copy"})
        if not system.call("GET", "/v1/resource-definitions/copy/resources"):
            system.call("POST", f"{source}/snapshot-restore-resource/snap", {"to_resource": "copy"})

    def settled(self, system: System) -> bool:
        return "copy" in system.names() and bool(system.call("GET", "/v1/resource-definitions/copy/resources"))

    def check(self, system: System) -> None:
        assert system.read("copy") == PATTERN
        assert system.read("base") == LATER


class RollBack(Snapshot):
    files = ("base_00000.img", "base_00000_snap.img")

    def prepare(self, system: System) -> None:
        super().prepare(system)
        super().act(system)
        system.write("base", LATER)

    def act(self, system: System) -> None:
        system.call("POST", "/v1/resource-definitions/base/snapshot-rollback/snap", {})

    def settled(self, system: System) -> bool:
        return system.read("base") == PATTERN


class Clone(Operation):
    files = ("base_00000.img", "copy_00000.img")

    def act(self, system: System) -> None:
        system.call("POST", "/v1/resource-definitions/base/clone", {"name": "copy"})

    def settled(self, system: System) -> bool:
        status = system.call("GET", "/v1/resource-definitions/base/clone/copy")["status"]
        return "copy" in system.names() and bool(status == "COMPLETE")

    def check(self, system: System) -> None:
        super().check(system)
        assert system.read("copy") == PATTERN


class Rename(RollBack):
    """The pool's files keep their names; what is made under the old name later takes none of them."""

    def act(self, system: System) -> None:
        system.call("POST", "/v1/resource-definitions/base/rename", {"new_name": "renamed"})

    def settled(self, system: System) -> bool:
        return system.names() == {"renamed"}

    def check(self, system: System) -> None:
        assert system.read("renamed") == LATER
        assert system.snapshots("renamed") == ["snap"]
        system.call("POST", "/v1/resource-definitions/renamed/snapshot-rollback/snap", {})
        until(lambda: system.read("renamed") == PATTERN, "the renamed volume is back at its snapshot")
        system.create("base")
        assert system.read("base") == bytes(MIB)
        system.call("DELETE", "/v1/resource-definitions/base")
        until(lambda: system.names() == {"renamed"}, "the new volume of the old name is gone")


class Delete(Operation):
    files = ()

    def act(self, system: System) -> None:
        system.call("DELETE", "/v1/resource-definitions/base")

    def settled(self, system: System) -> bool:
        return "base" not in system.names()

    def check(self, system: System) -> None:
        pass


class ForcedDelete(Delete):
    """The name is free before the satellite has done anything; what comes anew under it takes nothing of the old."""

    def act(self, system: System) -> None:
        system.call("DELETE", "/v1/resource-definitions/base?force=true")

    def settled(self, system: System) -> bool:
        return "base" not in system.names() and not system.call("GET", "/v1/tombstones")

    def check(self, system: System) -> None:
        system.create("base")
        assert system.read("base") == bytes(MIB)
        system.call("DELETE", "/v1/resource-definitions/base")


class Adopt(Operation):
    """A file that nobody names becomes a volume, as it is."""

    files = ("base_00000.img",)

    def prepare(self, system: System) -> None:
        super().prepare(system)
        system.call("DELETE", "/v1/resource-definitions/base?force=true&abandon=true")
        until(lambda: bool(system.call("GET", "/v1/orphans")), "the file is an orphan")

    def act(self, system: System) -> None:
        system.call("POST", "/v1/orphans/adopt", {"node_name": "node1", "path": str(system.pool / self.files[0]),
                                                  "resource_name": "found"})

    def settled(self, system: System) -> bool:
        return system.names() == {"found"}

    def check(self, system: System) -> None:
        assert system.read("found") == PATTERN


@pytest.fixture
def system(tmp_path: Path, pool_dir: Path) -> Iterator[System]:
    made = System(tmp_path, pool_dir)
    try:
        yield made
    finally:
        made.kill()


@pytest.mark.parametrize("kind", [Create, CreateWithFileSystem, Grow, Snapshot, DeleteSnapshot, Restore, RollBack,
                                  Clone, Rename, Delete, ForcedDelete, Adopt], ids=lambda kind: kind.__name__)
def test_a_kill_at_any_point_leads_to_the_same_end(kind: type[Operation], system: System) -> None:
    killed_everywhere(kind, system)
