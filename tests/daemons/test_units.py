"""The units in packaging/: systemd itself checks them, where it is installed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tools import processes
from tools.services import CHECKOUT

UNITS = CHECKOUT / "packaging/systemd"
EXPOSURE = {"linstor-controller": 15, "linstor-satellite": 60}
"""systemd's figure for how much a service could do, times ten; what a unit may have at most."""
OWN_MOUNTS = ("ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateMounts", "ReadWritePaths",
              "ReadOnlyPaths", "InaccessiblePaths", "ProtectKernelTunables", "ProtectKernelModules",
              "ProtectKernelLogs", "ProtectControlGroups", "ProtectProc", "ProcSubset", "TemporaryFileSystem",
              "BindPaths", "RootDirectory", "ProtectClock", "DeviceAllow", "DevicePolicy", "LogsDirectoryMode")
"""Settings that give a service mounts of its own, or take devices from it."""


def _needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}, from the Debian package systemd")


@pytest.fixture(params=EXPOSURE)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit whose program is there."""
    text = (UNITS / f"{request.param}.service").read_text()
    stub = tmp_path / f"{request.param}.service"
    stub.write_text(text.replace(f"/opt/linstor/bin/{request.param}", "/bin/true"))
    assert "ExecStart=/bin/true" in stub.read_text()
    return stub


def test_systemd_understands_every_line(unit: Path) -> None:
    _needs("systemd-analyze")
    assert processes.run(["systemd-analyze", "verify", "--man=no", str(unit)]) == ""
    # It would say so: a line that nobody knows is a warning there.
    unit.write_text(unit.read_text().replace("[Install]", "Nonsense=1\n[Install]"))
    assert "Nonsense" in processes.run(["systemd-analyze", "verify", "--man=no", str(unit)])


def test_a_unit_may_do_no_more_than_it_needs(unit: Path) -> None:
    _needs("systemd-analyze")
    processes.run(["systemd-analyze", "security", "--offline=yes", "--no-pager",
                   f"--threshold={EXPOSURE[unit.stem]}", str(unit)])


def test_units_are_restarted_reloaded_and_watched(unit: Path) -> None:
    lines = dict(line.split("=", 1) for line in unit.read_text().splitlines() if re.match(r"[A-Z]\w+=", line))
    assert lines["Type"] == "notify"
    assert int(lines["WatchdogSec"]) > 0
    assert lines["Restart"] == "on-failure"
    assert lines["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_the_satellite_stays_with_the_mounts_and_devices_of_its_machine() -> None:
    text = (UNITS / "linstor-satellite.service").read_text()
    assert [name for name in OWN_MOUNTS if re.search(rf"(?m)^{name}=", text)] == []


def test_users_and_folders_are_made(tmp_path: Path) -> None:
    _needs("systemd-sysusers")
    _needs("systemd-tmpfiles")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\n")
    processes.run(["systemd-sysusers", f"--root={tmp_path}", str(UNITS / "linstor-controller.sysusers")])
    (entry,) = [line for line in (tmp_path / "etc/passwd").read_text().splitlines() if line.startswith("linstor:")]
    assert entry.endswith(":/var/lib/linstor:/usr/sbin/nologin")
    for side in ("controller", "satellite"):
        processes.run(["systemd-tmpfiles", f"--root={tmp_path}", "--create", str(UNITS / f"linstor-{side}.tmpfiles")])
        assert (tmp_path / "etc/linstor").stat().st_mode & 0o777 == 0o750
