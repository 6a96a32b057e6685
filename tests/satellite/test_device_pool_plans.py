"""How pools are made of devices, as data: wish and facts in, steps or a refusal out."""

from __future__ import annotations

import pytest
from msgspec import structs

from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.satellite.device_facts import DeviceFacts, PoolSiteFacts, VolumeGroup
from linstor_core.satellite.device_pool_planner import PoolWish, checked, plan
from linstor_core.satellite.device_steps import KeepMount, MountFileSystem, RunTool
from linstor_core.satellite.facts import Absent, Unobserved
from linstor_core.satellite.failures import SatelliteError, UnsafePlan

B, C = (DeviceFacts(path, "disk", 10 << 30, signatures=()) for path in ("/dev/sdb", "/dev/sdc"))
GROUP = PoolWish(ProviderKind.LVM, "vg", ("/dev/sdb", "/dev/sdc"), "cluster/node1")
THIN = PoolWish(ProviderKind.LVM_THIN, "thin", ("/dev/sdb",), "cluster/node1")
FILE = PoolWish(ProviderKind.FILE_THIN, "files", ("/dev/sdb",), "cluster/node1", "/pools/files")


def site(*devices: DeviceFacts, **more: object) -> PoolSiteFacts:
    return structs.replace(PoolSiteFacts({device.path: device for device in devices}, has_device_mapper=True), **more)


def made(wish: PoolWish, facts: PoolSiteFacts) -> list[RunTool]:
    return [step for step in plan(wish, facts) if isinstance(step, RunTool)]


def refusal(wish: PoolWish, facts: PoolSiteFacts) -> str:
    with pytest.raises(SatelliteError) as caught:
        plan(wish, facts)
    return f"{caught.value.message} {caught.value.cause}"


def test_a_file_system() -> None:
    make, keep, mount = plan(FILE, site(B))
    assert isinstance(make, RunTool) and make.argv[:4] == ("mkfs.xfs", "-q", "-m", make.argv[3])
    assert make.argv[3].startswith("reflink=1,uuid=") and make.argv[-1] == "/dev/sdb" and make.blank == ("/dev/sdb",)
    uuid = make.argv[3].removeprefix("reflink=1,uuid=")
    assert keep == KeepMount("files", uuid, "/pools/files")
    assert mount == MountFileSystem("/dev/sdb", uuid, "/pools/files")
    assert "-f" not in make.argv and FILE.location == "/pools/files"
    begun = structs.replace(B, signatures=("xfs",), uuid=uuid)
    assert plan(FILE, site(begun)) == (keep, mount), "what was begun is gone on with"
    assert plan(FILE, site(structs.replace(begun, mounted_on=("/pools/files",)), folder="mounted")) == ()
    assert "elsewhere" in refusal(FILE, site(structs.replace(begun, mounted_on=("/mnt",))))
    assert "carries xfs" in refusal(structs.replace(FILE, owner="other cluster"), site(begun))
    assert "carries xfs" in refusal(structs.replace(FILE, name="other"), site(begun))


@pytest.mark.parametrize("folder", ["mounted", "other"])
def test_a_folder_in_the_way(folder: str) -> None:
    assert "in the way" in refusal(FILE, site(B, folder=folder))


def test_a_volume_group() -> None:
    first, second, group = made(GROUP, site(B, C))
    for step, device in ((first, "/dev/sdb"), (second, "/dev/sdc")):
        assert step.argv[:2] == ("pvcreate", "--uuid") and step.argv[3:] == ("--norestorefile", device)
        assert step.blank == (device,) and [len(part) for part in step.argv[2].split("-")] == [6, 4, 4, 4, 4, 4, 6]
    assert first.argv[2] != second.argv[2]
    tag = group.argv[2]
    assert group.argv == ("vgcreate", "--addtag", tag, "vg", "/dev/sdb", "/dev/sdc") and not group.blank
    begun = structs.replace(B, signatures=("LVM2_member",), uuid=first.argv[2])
    assert made(GROUP, site(begun, C)) == [second, group]
    there = {"vg": VolumeGroup((tag,), ("/dev/sdb", "/dev/sdc"))}
    assert plan(GROUP, site(begun, C, groups=there)) == ()
    assert "did not" not in refusal(GROUP, site(begun, C, groups={"other": VolumeGroup((), ("/dev/sdb",))}))
    assert "already" in refusal(GROUP, site(B, C, groups={"vg": VolumeGroup(("own",), ("/dev/sdd",))}))
    assert "other devices" in refusal(GROUP, site(B, C, groups={"vg": VolumeGroup((tag,), ("/dev/sdd",))}))
    assert "LVM2_member" in refusal(structs.replace(GROUP, owner="another"), site(begun, C))
    assert "vgs" in refusal(GROUP, site(B, C, groups=Unobserved("'vgs' failed")))


def test_a_thin_pool() -> None:
    volume, group, thin = made(THIN, site(B))
    assert volume.argv[0] == "pvcreate" and group.argv[-2:] == ("linstor_thin", "/dev/sdb")
    assert thin.argv == ("lvcreate", "--type", "thin-pool", "--extents", "100%FREE", "--name", "thin", "linstor_thin")
    there = VolumeGroup((group.argv[2],), ("/dev/sdb",))
    assert made(THIN, site(B, groups={"linstor_thin": there})) == [thin]
    done = structs.replace(there, volumes={"thin": "thin-pool"})
    assert plan(THIN, site(B, groups={"linstor_thin": done})) == () and THIN.location == "linstor_thin/thin"
    other = structs.replace(there, volumes={"thin": "linear"})
    assert "no thin pool" in refusal(THIN, site(B, groups={"linstor_thin": other}))
    assert "device mapper" in refusal(THIN, site(B, has_device_mapper=False))


@pytest.mark.parametrize("wish", [GROUP, FILE], ids=["group", "files"])
@pytest.mark.parametrize("found", [
    structs.replace(B, signatures=("ext4",)), structs.replace(B, signatures=("LVM2_member",), uuid="a-b"),
    structs.replace(B, signatures=("xfs",), uuid="a-b"), structs.replace(B, signatures=None),
    structs.replace(B, mounted_on=("/mnt",)), structs.replace(B, is_held=True), structs.replace(B, kind="loop"),
    Absent(), Unobserved("it does not answer"),
], ids=str)
def test_nothing_is_planned_over_what_is_not_empty_and_free(wish: PoolWish, found: DeviceFacts) -> None:
    facts = site(B, C)
    assert refusal(wish, structs.replace(facts, devices={**facts.devices, "/dev/sdb": found}))


def test_what_is_not_offered_is_refused_in_words() -> None:
    assert "no ZFS pools" in refusal(structs.replace(GROUP, kind=ProviderKind.ZFS), site(B, C))
    assert "one device" in refusal(structs.replace(FILE, devices=("/dev/sdb", "/dev/sdc")), site(B, C))
    assert "each of them once" in refusal(structs.replace(GROUP, devices=("/dev/sdb", "/dev/sdb")), site(B))
    assert refusal(structs.replace(GROUP, devices=()), site())


def test_harmless_arguments_are_passed_on() -> None:
    wish = structs.replace(GROUP, arguments={"pvcreate": ("--dataalignment", "1m"),
                                             "vgcreate": ("--physicalextentsize=8m",)})
    first, _, group = made(wish, site(B, C))
    assert first.argv[-3:] == ("--dataalignment", "1m", "/dev/sdb") and "--physicalextentsize=8m" in group.argv


@pytest.mark.parametrize("arguments", [
    ("--force",), ("--forc",), ("-ff",), ("-f",), ("-y",), ("--yes",), ("--uuid", "x"), ("/dev/sdd",), ("vg2",),
    ("--dataalignment", "1m", "/dev/sdd"), ("--dataalignment=1m", "x"), ("--config", "x"), ("-W", "n"),
    ("--dataalignment", "/dev/sdd"),
])
def test_harmful_arguments_are_not(arguments: tuple[str, ...]) -> None:
    with pytest.raises(UnsafePlan):
        checked("pvcreate", arguments)
    assert refusal(structs.replace(GROUP, arguments={"pvcreate": arguments}), site(B, C))
