"""The newcomer's way: `./dev up` in a copy of this checkout, a real tree on the volume, and nothing left behind."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import loop_mounts, processes, services
from tools.block_volumes import checksums, make_file_system, mounted
from tools.rest import RestConnection
from tools.services import CHECKOUT

TREE = Path("/usr/share/doc")


class Newcomer:
    """Somebody with a fresh checkout. The virtual environment is the one of these tests, to spare the download."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.state = checkout / ".state"
        self.address = services.free_address()
        self.environment = {**os.environ, "LINSTOR_DEV_VENV": sys.prefix}
        self.environment.pop("LS_CONTROLLERS", None)

    def dev(self, *arguments: str) -> str:
        return processes.run([str(self.checkout / "dev"), *arguments], timeout_s=180, cwd=self.checkout,
                             environment=self.environment)

    def up(self) -> str:
        return self.dev("up", "--listen", self.address)

    def device_of(self, name: str) -> str:
        with RestConnection(self.address) as rest:
            found = rest.get(f"/v1/view/resources?resources={name}")
        return str(found[0]["volumes"][0]["device_path"])

    def identity(self) -> processes.ProcessIdentity:
        found = processes.load(self.state / "process.json")
        assert found is not None
        return found


@pytest.fixture
def newcomer(root_required: None, tmp_path: Path) -> Iterator[Newcomer]:
    checkout = tmp_path / "checkout"
    listing = ["git", "-c", "safe.directory=*", "-C", str(CHECKOUT), "ls-files", "-co", "--exclude-standard"]
    for name in processes.run(listing).splitlines():
        if (CHECKOUT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, checkout / name)
    made = Newcomer(checkout)
    try:
        yield made
    finally:
        identity = processes.load(made.state / "process.json")
        if identity is not None:
            processes.kill(identity)
        loop_mounts.release(tmp_path)


def test_up_twice_finds_everything_and_wipe_leaves_nothing(newcomer: Newcomer) -> None:
    first = newcomer.up()
    device = newcomer.device_of("first")
    assert re.search(rf"^ +volume +first, 1\.0 GiB: {device}$", first, re.M)
    assert f"http://{newcomer.address}/v1" in first
    assert Path(device).is_block_device()

    before = newcomer.identity()
    again = newcomer.up()
    assert newcomer.identity() == before
    assert f"runs, pid {before.pid}" in again
    assert newcomer.device_of("first") == device

    newcomer.dev("down", "--wipe")
    assert not newcomer.state.exists()
    assert loop_mounts.loop_devices_below(newcomer.checkout) == {}
    assert not loop_mounts.is_mounted(newcomer.state / "pool")
    assert not processes.is_alive(before)


def test_what_is_suggested_works_and_changes_with_what_is_there(newcomer: Newcomer, tmp_path: Path) -> None:
    device = "/dev/nothing"
    for formats in (True, False):
        suggested = newcomer.up().partition("Try next:\n")[2].replace("/mnt/first", str(tmp_path / "mounted"))
        device = newcomer.device_of("first")
        assert (f"mkfs.ext4 -q {device}" in suggested) is formats
        assert len(suggested.splitlines()) == 3
        for command in suggested.splitlines():
            processes.run(["sh", "-ec", command], cwd=newcomer.checkout, environment=newcomer.environment)
        assert loop_mounts.mounts_of({device}) == {tmp_path / "mounted": device}
        processes.run(["umount", device])
    listed = newcomer.dev("linstor", "volume", "list") + newcomer.dev("linstor", "snapshot", "list")
    assert all(name in listed for name in ("volume1", "volume2", "snap1", "snap2"))
    with mounted(device, tmp_path / "mounted"):
        assert f"df -h {tmp_path / 'mounted'}" in newcomer.up()
    newcomer.dev("down", "--wipe")


def test_a_real_tree_survives_snapshot_restore_crash_and_a_lost_mount(newcomer: Newcomer, tmp_path: Path) -> None:
    newcomer.up()
    make_file_system(newcomer.device_of("first"))
    with mounted(newcomer.device_of("first"), tmp_path / "first") as tree:
        processes.run(["cp", "-a", str(TREE), str(tree)])
        wanted = checksums(tree)
    assert len(wanted) > 100
    with RestConnection(newcomer.address) as rest:
        rest.post("/v1/resource-definitions/first/snapshots", {"name": "before"})
    with mounted(newcomer.device_of("first"), tmp_path / "first") as tree:
        shutil.rmtree(tree / TREE.name)

    _restore(newcomer, "first", "before", "second")
    processes.kill(newcomer.identity())
    newcomer.up()
    with mounted(newcomer.device_of("second"), tmp_path / "second") as tree:
        assert checksums(tree) == wanted

    # As after a reboot: no process, no loop device, no mount.
    newcomer.dev("down")
    loop_mounts.release(newcomer.state)
    newcomer.up()
    with mounted(newcomer.device_of("second"), tmp_path / "second") as tree:
        assert checksums(tree) == wanted
    with mounted(newcomer.device_of("first"), tmp_path / "first") as tree:
        assert not (tree / TREE.name).exists()
    newcomer.dev("down", "--wipe")


def _restore(newcomer: Newcomer, source: str, snapshot: str, target: str) -> None:
    with RestConnection(newcomer.address) as rest:
        rest.post("/v1/resource-definitions", {"resource_definition": {"name": target, "layer_data": [
            {"type": "STORAGE"}]}})
        path = f"/v1/resource-definitions/{source}"
        rest.post(f"{path}/snapshot-restore-volume-definition/{snapshot}", {"to_resource": target})
        rest.post(f"{path}/snapshot-restore-resource/{snapshot}", {"to_resource": target})


def test_a_folder_of_somebody_else_is_neither_used_nor_wiped(newcomer: Newcomer, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    for arguments in (("up", "--state", str(precious)), ("down", "--wipe", "--state", str(precious))):
        with pytest.raises(processes.CommandFailed, match="holds files of somebody else"):
            newcomer.dev(*arguments)
    assert [path.name for path in precious.iterdir()] == ["thesis.txt"]


def test_without_root_one_sentence_says_so(newcomer: Newcomer) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv to step down from root")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    script = (newcomer.checkout / "dev").read_text()  # Read for them: temporary folders are root's alone.
    with pytest.raises(processes.CommandFailed) as caught:
        processes.run([*nobody, "/bin/sh", "-s", "up"], standard_input=script, cwd=Path("/"))
    assert caught.value.output.strip().count("\n") == 0
    assert "needs root" in caught.value.output
