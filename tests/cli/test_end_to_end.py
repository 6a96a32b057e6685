"""The installed command and VolumeService against a running controller and satellite with real devices."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from linstor_core.client.client import LinstorClient
from linstor_core.client.errors import ObjectNotFound
from linstor_core.client.volumes import HasSnapshots, VolumeService
from tests.cli.shell import Shell

MIB_16 = 16 * 1024


@pytest.fixture
def linstor(cluster) -> Shell:
    """A node with a thin pool and a group `fast` with one volume."""
    return Shell(cluster.url).with_a_group(cluster)


def test_a_volume_from_the_command_line(linstor, cluster):
    assert "Online" in linstor("n l")
    assert "thin" in linstor("sp l")
    linstor("rg spawn fast web 16M")
    assert "web" in linstor("rd l")
    assert "16 MiB" in linstor("vd l")
    assert "Created" in linstor("r l")
    volume = linstor.json("v l")[0]["volumes"][0]
    device = Path(volume["device_path"])
    assert device.is_block_device()
    linstor("vd size web 0 32M")
    assert "32 MiB" in linstor("vd l")
    assert int(subprocess.check_output(["blockdev", "--getsize64", str(device)])) == 32 << 20
    linstor("rd sp web --aux owner me")
    assert "Aux/owner" in linstor("rd lp web")
    assert "ERROR" in linstor("rg spawn fast web 16M", expect=10)
    linstor("rd lp nothing", expect=3)
    linstor("rd d web")
    assert linstor.json("rd l") == []
    assert not list(cluster.pool_dir.glob("web*"))


def test_snapshots_from_the_command_line(linstor):
    linstor("rg spawn fast web 16M")
    device = Path(linstor.json("v l")[0]["volumes"][0]["device_path"])
    device.write_bytes(b"before".ljust(4096, b"."))
    linstor("s c web s1")
    assert "Successful" in linstor("s l")
    device.write_bytes(b"after".ljust(4096, b"."))
    linstor("rd c copy")
    linstor("s vd rst --fr web --fs s1 --tr copy")
    linstor("s r rst --fr web --fs s1 --tr copy")
    devices = {resource["name"]: resource["volumes"][0]["device_path"] for resource in linstor.json("v l")}
    assert Path(devices["copy"]).read_bytes()[:6] == b"before"
    linstor("s rb web s1")
    device = Path(linstor.json("v l -r web")[0]["volumes"][0]["device_path"])
    assert device.read_bytes()[:6] == b"before"
    linstor("rd d web", expect=10)
    linstor("s d web s1")
    linstor("rd d web copy")


def test_the_life_of_a_volume_for_a_platform(linstor, cluster):
    service = VolumeService(LinstorClient(cluster.url))
    volume = service.create("vol", "fast", MIB_16, {"Aux/vm": "7"})
    assert (volume.size_kib, volume.nodes, volume.props["Aux/vm"]) == (MIB_16, (cluster.node_name,), "7")
    assert service.create("vol", "fast", MIB_16, {"Aux/vm": "7"}) == volume
    device = Path(service.make_available("vol", cluster.node_name))
    device.write_bytes(b"first".ljust(4096, b"."))
    service.release("vol", cluster.node_name)
    assert service.grow("vol", 2 * MIB_16).size_kib == 2 * MIB_16
    assert service.snapshot("vol", "s1").complete
    assert service.snapshot("vol", "s1").name == "s1"
    restored = service.restore_snapshot("vol", "s1", "restored")
    assert service.restore_snapshot("vol", "s1", "restored") == restored
    assert Path(restored.devices[cluster.node_name]).read_bytes()[:5] == b"first"
    device.write_bytes(b"other".ljust(4096, b"."))
    service.roll_back("vol", "s1")
    assert Path(service.device("vol", cluster.node_name)).read_bytes()[:5] == b"first"
    with pytest.raises(HasSnapshots):
        service.delete("vol")
    for _ in range(2):
        service.delete_snapshot("vol", "s1")
        service.delete("restored")
        service.delete("vol")
    assert service.find("vol") is None
    assert service.capacity("fast").free_kib > MIB_16
    with pytest.raises(ObjectNotFound):
        service.make_available("vol", cluster.node_name)


def test_a_clone_for_a_platform(linstor, cluster):
    service = VolumeService(LinstorClient(cluster.url))
    source = service.create("vol", "fast", MIB_16)
    Path(source.devices[cluster.node_name]).write_bytes(b"first".ljust(4096, b"."))
    copy = service.clone("vol", "copy", timeout_s=60)
    assert Path(copy.devices[cluster.node_name]).read_bytes()[:5] == b"first"
    assert service.clone("vol", "copy") == copy


def test_a_renamed_volume_keeps_its_data_and_its_device(linstor, cluster):
    linstor("rg spawn fast web 16M")
    device = Path(linstor.json("v l")[0]["volumes"][0]["device_path"])
    with device.open("r+b") as opened:
        opened.write(b"data".ljust(4096, b"."))
        linstor("resource-definition rename web shop")
    assert linstor.json("v l -r shop")[0]["volumes"][0]["device_path"] == str(device)
    assert device.read_bytes()[:4] == b"data"
    linstor("rg spawn fast web 16M")
    assert {path.name for path in cluster.pool_dir.glob("web*.img")} == {"web_00000.img", "web.1_00000.img"}
    linstor("rd rn shop web", expect=10)
    linstor(f"rc migration-window open {cluster.node_name} {cluster.node_name} web", expect=10)
    linstor("rd d web")
    linstor("rd d shop")
    assert not list(cluster.pool_dir.glob("web*"))


def test_names_and_keys_without_a_satellite(controller_process):
    shell = Shell(controller_process.url)
    shell("rg c silver --place-count 2 -d text")
    assert "silver" in shell("rg l")
    shell("rd c one --resource-group silver")
    shell("rd c 1bad", expect=10)
    shell("kv m store key value")
    assert "value" in shell("kv s store")
    shell("c sp --aux site a")
    assert "Aux/site" in shell("c lp")
    assert "REST API 1." in shell("c v")
    assert shell("--curl rd l").startswith("curl -X GET")
