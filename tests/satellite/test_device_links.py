"""Stable names of devices, on the simulated node and on real devices, folders and processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from linstor_core.satellite.device_links import DeviceLinks
from linstor_core.satellite.executor import Executor
from linstor_core.satellite.facts import LinkFacts, Unobserved
from linstor_core.satellite.failures import StepFailed
from linstor_core.satellite.observer import Observer
from linstor_core.satellite.reconciler import Reconciler, World
from linstor_core.satellite.spec_store import SpecStore, StoredPools, StoredResource
from linstor_core.satellite.steps import LinkDevice, UnlinkDevice
from linstor_core.testing.cut_executor import Cut
from linstor_core.testing.driver_contract import Node
from linstor_core.testing.satellite_specs import pool, resource, snapshot, source, volume
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.testing.virtual_clock import VirtualClock
from linstor_core.wire.resource_spec import ResourceSpec
from tests.satellite.conftest import RealRig, SimulatedRig
from tools import loop_mounts, processes

OLD_BOOT = "00000000-0000-0000-0000-000000000000"


class NamedRig(RealRig):
    """Real devices with names in a folder beside the pool's."""

    def __init__(self, directory: Path, names: Path) -> None:
        super().__init__(directory)
        self.names = names
        links = DeviceLinks(str(names), directory)
        self.observer = Observer(self.loops, links)
        self.executor = Executor(self.loops, links)


class NamesContract:
    """Names lead where they should, whatever happens to the devices."""

    @staticmethod
    def led(node: Node, *specs: ResourceSpec) -> dict[str, str]:
        """Name -> device as told, after every spec was brought about in this order."""
        seen = [volume for spec in specs for volume in node.fine(spec).volumes if volume.device_path]
        return {name: volume.device_path for volume in seen for name in volume.symlinks}

    def targets(self, node: Node, name: str = "r") -> dict[str, str]:
        links = node.rig.observer.links(name)
        assert isinstance(links, LinkFacts)
        return {f"{links.folder}/{number}": target for number, target in links.targets.items()}

    def test_every_device_has_its_name(self, node: Node) -> None:
        led = self.led(node, resource(volume(), volume("d2", number=1)))
        assert len(led) == 2 and led == self.targets(node)
        assert {os.path.basename(name) for name in led} == {"0", "1"}

    def test_names_are_right_after_a_reboot_in_another_order(self, node: Node) -> None:
        specs = [resource(volume(f"d{name}", name=name), name=name) for name in ("a", "b", "c")]
        for spec in specs:
            node.rig.write(node.device(spec), spec.resource_name.encode() * 4)
        before = self.led(node, *specs)
        node.rig.reboot()
        led = self.led(node, *reversed(specs))
        assert led.keys() == before.keys()
        for name, device in led.items():
            assert node.rig.read(device, 4) == os.path.basename(os.path.dirname(name)).encode() * 4
            assert self.targets(node, os.path.basename(os.path.dirname(name)))[name] == device

    def test_a_name_goes_with_its_device(self, node: Node) -> None:
        node.fine(resource(volume(), volume("d2", number=1)))
        assert len(self.led(node, resource(volume(delete=True), volume("d2", number=1)))) == 1
        assert [os.path.basename(name) for name in self.targets(node)] == ["1"]
        assert self.led(node, resource(volume("d2", number=1), active=False)) == self.targets(node) == {}
        assert list(self.led(node, resource(volume("d2", number=1)))) == list(self.targets(node))
        node.fine(resource(volume("d2", number=1, delete=True)))
        assert node.rig.observer.linked_resources() == ()

    def test_a_device_in_use_keeps_its_name(self, node: Node) -> None:
        before = self.led(node, resource(volume()))
        with node.rig.opened(*before.values()):
            assert node.bring(resource(volume(delete=True))).failures
            assert self.targets(node) == before

    def test_a_name_follows_its_volume_over_a_rollback(self, node: Node) -> None:
        spec = resource(volume(), snapshots=(snapshot(),))
        before = self.led(node, spec)
        node.rig.write(next(iter(before.values())), b"new.")
        after = self.led(node, resource(volume("d2", replaces="d1", source=source("ds1", "s1")),
                                        snapshots=(snapshot(),)))
        assert after.keys() == before.keys() and after == self.targets(node)

    def test_a_wrong_name_is_put_right(self, node: Node) -> None:
        name, device = next(iter(self.led(node, resource(volume())).items()))
        other = node.device(resource(volume("dx", name="x"), name="x"))
        node.rig.executor.run(LinkDevice(name, other, device))
        assert self.led(node, resource(volume())) == {name: device} == self.targets(node)

    def test_a_step_expects_what_its_plan_saw(self, node: Node) -> None:
        name, device = next(iter(self.led(node, resource(volume())).items()))
        other = node.device(resource(volume("dx", name="x"), name="x"))
        for step in (LinkDevice(name, other, "/dev/loop9999"), UnlinkDevice(name, other)):
            with pytest.raises(StepFailed):
                node.rig.executor.run(step)
        assert self.targets(node) == {name: device}

    def test_cut_anywhere_a_name_never_leads_elsewhere(self, node: Node) -> None:
        specs = [resource(volume()), resource(volume(), active=False), resource(volume()),
                 resource(volume(delete=True))]
        for spec in specs:
            for cut_after in range(8):
                try:
                    node.bring(spec, cut_after)
                except Cut:
                    seen = node.rig.observer.file(f"{node.rig.pool.props['StorDriver/StorPoolName']}/r_00000.img")
                    device = getattr(seen, "device", "")
                    assert set(self.targets(node).values()) <= {device} - {""}
                else:
                    break
            node.fine(spec)


class TestSimulated(NamesContract):
    @pytest.fixture
    def node(self, simulated_rig: SimulatedRig) -> Node:
        return Node(simulated_rig)


class RebootableRig(NamedRig):
    def reboot(self) -> None:
        """The folder of names is lost, too, as /dev is."""
        loop_mounts.release(self.directory)
        processes.run(["rm", "-rf", str(self.names)])
        self.__init__(self.directory, self.names)  # type: ignore[misc]


class TestReal(NamesContract):
    @pytest.fixture
    def node(self, pool_dir: Path, tmp_path: Path) -> Node:
        return Node(RebootableRig(pool_dir, tmp_path / "names"))


@pytest.fixture
def rig(pool_dir: Path, tmp_path: Path) -> Iterator[NamedRig]:
    yield NamedRig(pool_dir, tmp_path / "names")


def test_a_name_is_a_link_that_opens_the_device(rig: NamedRig) -> None:
    node = Node(rig)
    device = node.device(resource(volume()))
    rig.write(str(rig.names / "r" / "0"), b"data")
    assert rig.read(device, 4) == b"data" and os.readlink(rig.names / "r" / "0") == device
    assert oct((rig.names / "r").stat().st_mode)[-3:] == "755"


def test_what_is_no_link_of_ours_is_left(rig: NamedRig) -> None:
    node = Node(rig)
    node.fine(resource(volume(), active=False))
    (rig.names / "r").mkdir(parents=True)
    (rig.names / "r" / "0").write_text("somebody's")
    (rig.names / "r" / "notes").symlink_to("/etc/hostname")
    assert "taken" in node.refused(resource(volume())).message
    assert node.bring(resource(volume())).volumes[0].device_path, "the volume works without its name"
    with pytest.raises(StepFailed):
        rig.executor.run(LinkDevice(str(rig.names / "r" / "0"), node.bring(resource(volume())).volumes[0].device_path))
    assert (rig.names / "r" / "0").read_text() == "somebody's"
    (rig.names / "r" / "0").unlink()
    node.fine(resource(volume()))
    node.fine(resource(volume(delete=True)))
    assert os.listdir(rig.names / "r") == ["notes"]


def test_a_link_in_place_of_the_folder_is_not_followed(rig: NamedRig, tmp_path: Path) -> None:
    node = Node(rig)
    node.fine(resource(volume(), active=False))
    (tmp_path / "elsewhere").mkdir()
    (rig.names / "r").symlink_to(tmp_path / "elsewhere")
    assert "taken" in node.refused(resource(volume())).message
    assert os.listdir(tmp_path / "elsewhere") == [] and (rig.names / "r").is_symlink()


def test_a_folder_of_another_satellite_is_left_alone(rig: NamedRig, tmp_path: Path) -> None:
    node = Node(rig)
    node.fine(resource(volume()))
    (tmp_path / "other").mkdir()
    other = DeviceLinks(str(rig.names), tmp_path / "other")
    assert isinstance(other.look("r"), Unobserved) and isinstance(other.resources(), Unobserved)
    link = str(rig.names / "r" / "0")
    for step in (UnlinkDevice(link, os.readlink(link)), LinkDevice(link, "/dev/loop0", os.readlink(link))):
        with pytest.raises(StepFailed, match="Could not"):
            other.run(step)
    node.fine(resource(volume()))


def test_a_folder_that_holds_something_is_not_taken(rig: NamedRig) -> None:
    rig.names.mkdir()
    (rig.names / "file").write_text("somebody's")
    node = Node(rig)
    assert node.fine(resource(volume())).volumes[0].symlinks == ()
    assert os.listdir(rig.names) == ["file"]


def test_names_of_an_earlier_boot_go_before_anything_else(rig: NamedRig) -> None:
    node = Node(rig)
    node.fine(resource(volume()))
    (rig.names / "gone").mkdir()
    (rig.names / "gone" / "0").symlink_to("/dev/loop0")
    (rig.names / "gone" / "notes").write_text("somebody's")
    mark = rig.names / ".satellite"
    mark.write_text("\n".join([OLD_BOOT, "1", mark.read_text().split("\n")[2]]))
    assert rig.observer.links("r") == LinkFacts(str(rig.names / "r"))
    assert os.listdir(rig.names / "gone") == ["notes"] and not (rig.names / "r").exists()
    assert node.fine(resource(volume())).volumes[0].symlinks == (str(rig.names / "r" / "0"),)


def test_names_of_what_is_not_here_any_more_go(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = SimulatedNode(("/pool",))
        node.names["orphan"] = {"0": "/dev/loop7"}
        with ThreadPoolExecutor(4) as threads:
            store = SpecStore(tmp_path, threads)
            reconciler = Reconciler(World(node, node, VirtualClock(), lambda: 0.5), store, threads, lambda _: None,
                                    lambda _: None)
            reconciler.start("node1")
            await reconciler.apply_pools(StoredPools(1, (pool("/pool"),)))
            for name in ("a", "b"):
                await reconciler.apply(StoredResource(resource(volume(f"d{name}", name=name), name=name), 1))
            async with asyncio.timeout(10):
                while "orphan" in node.names:  # noqa: ASYNC110  (nobody tells)
                    await asyncio.sleep(0.005)
            assert set(node.names) == {"a", "b"}
            await reconciler.forget("a")
            assert set(node.names) == {"b"} and len(node.loops) == 2, "the device stays"
            await reconciler.stop()
            await store.close()
    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["..", "../r", "a/b", "", ".hidden"])
def test_no_name_leads_out_of_the_folder(rig: NamedRig, name: str) -> None:
    assert isinstance(rig.observer.links(name), Unobserved)
