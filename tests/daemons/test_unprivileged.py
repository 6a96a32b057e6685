"""The controller as its unit runs it: an ordinary user without one capability, no memory made executable."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.daemons.running import running
from tests.daemons.test_lifetime import wait_until
from tools import processes, services
from tools.rest import RestConnection

NOBODY = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--no-new-privs",
          "--bounding-set=-all", "--inh-caps=-all")
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
_DENY = (f"import ctypes, os, sys; ctypes.CDLL(None).prctl({PR_SET_MDWE}, {PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0); "
         "os.umask(0o027); os.execvp(sys.argv[1], sys.argv[1:])")
"""What MemoryDenyWriteExecute= and UMask= do."""


def _as_nobody(argv: list[str]) -> bool:
    try:
        processes.run([*NOBODY, *argv], cwd=services.CHECKOUT)
    except (processes.CommandFailed, FileNotFoundError):
        return False
    return True


@pytest.fixture
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of nobody's, as StateDirectory= makes it."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    if not _as_nobody([sys.executable, "-c", "import linstor_core"]):
        pytest.skip("this checkout or its Python can't be read by nobody")
    folder = Path("/tmp") / f"linstor-nobody-{os.getpid()}"
    folder.mkdir(mode=0o750)
    os.chown(folder, 65534, 65534)
    return folder


def test_a_controller_needs_no_privilege(state: Path, tmp_path: Path) -> None:
    address = services.free_address()
    try:
        arguments = ["--listen", address, "--state", str(state)]
        with running("linstor_core.controller", arguments, tmp_path / "log",
                     prefix=[sys.executable, "-c", _DENY, *NOBODY]) as daemon:
            services.wait_until_healthy(address, daemon.identity, daemon.log)
            status = Path(f"/proc/{daemon.identity.pid}/status").read_text()
            assert "CapEff:\t0000000000000000" in status and "Uid:\t65534" in status
            _work(address)
            daemon.signal(signal.SIGTERM)
            assert daemon.ended() == 0
        assert sorted(path.name for path in state.iterdir() if path.suffix == ".db") == ["linstor.db"]
        assert (state / "linstor.db").stat().st_mode & 0o007 == 0
    finally:
        processes.run(["rm", "-r", str(state)])


def _work(address: str) -> None:
    """A bit of everything that a controller does by itself: objects, secrets, a dump, a copy of the database."""
    with RestConnection(address) as rest:
        rest.post("/v1/encryption/passphrase", {"new_passphrase": "p" * 20})
        rest.post("/v1/nodes", {"name": "n1", "type": "satellite", "net_interfaces": [
            {"name": "default", "address": "127.0.0.1", "satellite_port": 1, "satellite_encryption_type": "PLAIN"}]})
        rest.post("/v1/resource-definitions", {"resource_definition": {"name": "r1"}})
        rest.post("/v1/resource-definitions/r1/volume-definitions", {"volume_definition": {"size_kib": 4096}})
        assert [found["name"] for found in rest.get("/v1/resource-definitions")] == ["r1"]
        assert "linstor" in rest.get("/metrics")
        rest.get("/v1/sos-report")
        rest.get("/v1/openapi.json")


def test_a_satellite_needs_no_more_than_its_unit_leaves_it(root_required: None, pool_dir: Path, tmp_path: Path) -> None:
    """Real volumes, a file system made by a program of its own, and a resize, with the unit's capabilities only."""
    unit = (services.CHECKOUT / "packaging/systemd/linstor-satellite.service").read_text()
    (left,) = re.findall(r"(?m)^CapabilityBoundingSet=(.+)$", unit)
    bounding = ",".join(("-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in left.split())))
    address, satellite = services.free_address(), services.free_address()
    host, _, port = satellite.rpartition(":")
    with (running("linstor_core.satellite", ["--name", "n1", "--listen", satellite, "--state", str(tmp_path / "n1")],
                  tmp_path / "n1.log", prefix=[sys.executable, "-c", _DENY, "setpriv", "--no-new-privs",
                                               f"--bounding-set={bounding}"]) as node,
          running("linstor_core.controller", ["--listen", address, "--state", str(tmp_path / "state")],
                  tmp_path / "log") as controller):
        services.wait_until_healthy(address, controller.identity, controller.log)
        with RestConnection(address) as rest:
            rest.post("/v1/nodes", {"name": "n1", "type": "satellite", "net_interfaces": [
                {"name": "default", "address": host, "satellite_port": int(port),
                 "satellite_encryption_type": "PLAIN"}]})
            wait_until(lambda: rest.get("/v1/nodes")[0]["connection_status"] == "ONLINE", "it never comes")
            rest.post("/v1/nodes/n1/storage-pools", {"storage_pool_name": "pool", "provider_kind": "FILE_THIN",
                                                     "props": {"StorDriver/FileDir": str(pool_dir)}})
            rest.post("/v1/resource-definitions", {"resource_definition": {
                "name": "vol", "layer_data": [{"type": "STORAGE"}], "props": {"FileSystem/Type": "ext4"}}})
            rest.post("/v1/resource-definitions/vol/volume-definitions", {"volume_definition": {"size_kib": 65536}})
            rest.post("/v1/resource-definitions/vol/resources/n1", {"resource": {"props": {"StorPoolName": "pool"}}})
            rest.call("PUT", "/v1/resource-definitions/vol/volume-definitions/0", {"size_kib": 131072})
            (found,) = rest.get("/v1/view/resources")
            device = found["volumes"][0]["device_path"]
            assert processes.run(["blkid", "-o", "value", "-s", "TYPE", device]).strip() == "ext4"
            assert processes.run(["blockdev", "--getsize64", device]).strip() == str(131072 * 1024)
            rest.call("DELETE", "/v1/resource-definitions/vol")
            assert "CapBnd:\t000001ffffffffff" not in Path(f"/proc/{node.identity.pid}/status").read_text()
        node.signal(signal.SIGTERM)
        assert node.ended() == 0


def test_the_kernel_denies_what_the_unit_denies() -> None:
    """Otherwise the test above would prove nothing."""
    assert ctypes.sizeof(ctypes.c_void_p) == 8
    question = "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)"
    with pytest.raises(processes.CommandFailed, match="Errno 13"):
        processes.run([sys.executable, "-c", _DENY, sys.executable, "-c", question])
