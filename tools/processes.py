"""Processes of the tools: run one to its end, or keep one in the background and find it again later.

The one module of the tools that starts processes. A background process is known by its pid and its start time, so a pid
that the kernel gave to somebody else meanwhile is never taken for ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct


class CommandFailed(Exception):
    """A command ended with another status than 0; the text carries what it said."""

    def __init__(self, argv: Sequence[str], status: int, output: str) -> None:
        super().__init__(f"`{' '.join(argv)}` ended with status {status}: {output.strip() or 'no output'}")
        self.status = status
        self.output = output


class ProcessIdentity(Struct, frozen=True):
    """`started` is in clock ticks since boot, as in /proc/PID/stat; `boot_id` tells boots apart."""

    pid: int
    started: int
    boot_id: str


def run(argv: Sequence[str], *, timeout_s: float = 120, cwd: Path | None = None,
        environment: Mapping[str, str] | None = None, standard_input: str = "") -> str:
    """The output (both streams). Raises CommandFailed for any status but 0."""
    done = subprocess.run(argv, input=standard_input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout_s, check=False, cwd=cwd, env=environment)
    if done.returncode != 0:
        raise CommandFailed(argv, done.returncode, done.stdout)
    return done.stdout


def run_visibly(argv: Sequence[str], cwd: Path) -> int:
    """The exit status of a command whose output goes straight to the caller's terminal."""
    return subprocess.run(argv, stdin=subprocess.DEVNULL, check=False, cwd=cwd).returncode


def start(argv: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> ProcessIdentity:
    """Start a process in a session of its own, both streams appended to `log`."""
    with log.open("ab") as stream:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                                   start_new_session=True, env=environment)
    process.returncode = 0  # It is meant to outlive us: no warning when the object goes.
    return identify(process.pid) or ProcessIdentity(process.pid, 0, _boot_id())


def identify(pid: int) -> ProcessIdentity | None:
    """None where no process has this number."""
    fields = _stat(pid)
    return ProcessIdentity(pid, int(fields[19]), _boot_id()) if fields is not None else None


def is_alive(identity: ProcessIdentity) -> bool:
    """Whether that very process still runs; one that ended but was not waited for counts as gone."""
    fields = _stat(identity.pid)
    return (fields is not None and int(fields[19]) == identity.started and fields[0] not in "ZX"
            and identity.boot_id == _boot_id())


def stop(identity: ProcessIdentity, timeout_s: float = 20) -> bool:
    """Ask the process to end, and end it by force after `timeout_s`. Returns whether asking was enough."""
    for wanted, patience_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, 10.0)):
        if not is_alive(identity):
            break
        os.kill(identity.pid, wanted)
        if wait_for_end(identity, patience_s):
            _reap(identity.pid)
            return wanted is signal.SIGTERM
    _reap(identity.pid)
    return True


def kill(identity: ProcessIdentity) -> None:
    """End it at once, as a crash would."""
    if is_alive(identity):
        os.kill(identity.pid, signal.SIGKILL)
        wait_for_end(identity, 10)
    _reap(identity.pid)


def wait_for_end(identity: ProcessIdentity, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while is_alive(identity):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def cpu_seconds(pid: int) -> float:
    """User and system time so far, of a process and of the children that it waited for."""
    fields = _stat(pid)
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def resident_kib(pid: int) -> int:
    """Resident memory of a process; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def load(path: Path) -> ProcessIdentity | None:
    """The identity that `save` wrote; None for a file that is missing or torn."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ProcessIdentity)
    except (OSError, msgspec.DecodeError):
        return None


def save(path: Path, identity: ProcessIdentity) -> None:
    path.write_bytes(msgspec.json.encode(identity))


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the command's name, so that index 0 is the state."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
