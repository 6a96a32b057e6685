"""Hosts are apart from each other, can be cut off and switched off, and nothing of them outlives their run."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tools import hosts, processes
from tools.hosts import Host, Lan
from tools.processes import CommandFailed
from tools.services import CHECKOUT

KILLED = """
import os, signal, sys, time
from pathlib import Path
from tools import hosts
with hosts.lan("hub", "10.98.0.1") as made:
    host = made.add("one", "10.98.0.11")
    file = host.look("file")
    with file.open("wb") as stream:
        stream.truncate(1 << 20)
    host.run("losetup", "--find", str(host.directory / "file"))
    program = host.start("http.server", "0")
    while not Path(f"/proc/{program.pid}/cmdline").read_bytes().startswith(sys.executable.encode()):
        time.sleep(0.01)
    print(made.folder, host.pid, made.hub.pid, program.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def two(root_required: None) -> Iterator[Lan]:
    if shutil.which("ip") is None or shutil.which("mkfs.xfs") is None:
        pytest.skip("needs the commands ip (iproute2) and mkfs.xfs (xfsprogs)")
    with hosts.lan("hub", "10.98.0.1") as made:
        made.add("one", "10.98.0.11")
        made.add("two", "10.98.0.12")
        yield made


def _reaches(sender: Host, receiver: Host, deadline_s: float = 5) -> bool:
    """By one datagram after the other, of which the first may wait for an address."""
    received = receiver.look("received")
    received.write_bytes(b"")
    program = ("import socket, sys\ns = socket.socket(type=socket.SOCK_DGRAM)\n"
               f"s.bind(('{receiver.address}', 7777))\ns.settimeout({deadline_s})\n"
               f"open('{receiver.directory / 'received'}', 'wb').write(b'+')\n"
               f"open('{receiver.directory / 'received'}', 'ab').write(s.recv(9))")
    listening = processes.start(receiver.inside([sys.executable, "-c", program]), receiver.log)
    ends = time.monotonic() + deadline_s + 5
    while received.read_bytes() != b"+" and time.monotonic() < ends:
        time.sleep(0.01)
    words = f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'hello', ('{receiver.address}', 7777))"
    while received.read_bytes() == b"+" and processes.is_alive(listening):
        with suppress(CommandFailed):
            sender.run(sys.executable, "-c", words)
    processes.kill(listening)
    return received.read_bytes() == b"+hello"


def test_a_host_has_its_own_name_disk_and_address(two: Lan) -> None:
    one, other = two.hosts["one"], two.hosts["two"]
    assert [host.run("hostname").strip() for host in (one, other)] == ["one", "two"]
    one.look("letter").write_text("dear reader")
    assert not other.look(one.directory / "letter").exists()
    assert not (one.directory / "letter").exists()
    assert os.statvfs(one.look()).f_fsid != os.statvfs(other.look()).f_fsid
    assert "10.98.0.11/24" in one.run("ip", "address")
    assert one.strangers() == []


def test_packets_get_lost_both_ways_or_one_way(two: Lan) -> None:
    one, other = two.hosts["one"], two.hosts["two"]
    assert _reaches(one, other)
    two.cut(other)
    assert not _reaches(one, other, 1)
    two.heal(other)
    assert _reaches(one, other)
    with two.silenced(one, other):
        assert not _reaches(one, other, 1)
        assert _reaches(other, one)
    assert _reaches(one, other)


def test_a_host_that_was_switched_off_comes_back_with_its_disk_and_nothing_else(two: Lan) -> None:
    one = two.hosts["one"]
    with one.look("volume").open("wb") as stream:
        stream.truncate(1 << 20)
    one.run("losetup", "--find", str(one.directory / "volume"))
    assert len(one.volume_devices()) == 1
    assert two.hosts["two"].volume_devices() == []
    program = one.start("http.server", "0")
    two.switch_off(one)
    assert not processes.is_alive(program)
    two.switch_on(one)
    assert one.look("volume").exists()
    assert one.volume_devices() == []
    assert one.run("hostname").strip() == "one"


def test_a_killed_run_leaves_nothing_that_the_next_one_does_not_remove(root_required: None, two: Lan) -> None:
    with suppress(CommandFailed):
        processes.run([sys.executable, "-c", f"import sys; sys.stdout = open('{two.folder}/killed', 'w')\n{KILLED}"],
                      cwd=CHECKOUT)
    folder, *pids = (two.folder / "killed").read_text().split()
    found = [identity for pid in pids if (identity := processes.identify(int(pid))) is not None]
    assert all(processes.wait_for_end(identity, 10) for identity in found)
    assert Path(folder).exists()
    before = {device.path for device in hosts.loop_devices()}
    assert Path(folder) in hosts.sweep()
    assert not Path(folder).exists()
    assert len(before) - len({device.path for device in hosts.loop_devices()}) == 3
