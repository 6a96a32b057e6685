"""Whole machines in miniature: a host has its own network, host name, mounts and disk, and can be switched off.

A host is held by a sleeping process (its keeper) whose namespaces the host's programs enter. Keepers and programs die
with the thread that started them, so that nothing runs on when a test run is killed; what a killed run leaves on disk,
and the loop devices over that, the next one removes (`sweep`). Whose a loop device is tells the kernel, by the disk
that its file is on: paths mean something else in every mount namespace.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from tools import processes, services
from tools.loop_mounts import MIB
from tools.processes import CommandFailed, ProcessIdentity, run

PREFIX = "linstor-hosts-"
DISK_MIB = 4096
PATIENCE_S = 20.0
_TOGETHER = ("setpriv", "--pdeathsig", "KILL")
"""Dies with the thread that starts it."""
_NOWHERE = "02:00:00:00:00:ff"
"""A MAC address that nobody has."""
_CLONE_NEWNET = 0x40000000
_KEEPER = """
hostname {name}
ip link set lo up
while read -r device directory rest; do
    case $device in /dev/loop*) umount -l "$directory";; esac
done < /proc/self/mounts
mount {disk} {directory}
: > {directory}/.up-{boot}
exec sleep infinity
"""


class LoopDevice(Struct, frozen=True):
    """`disk` is major:minor of the file system that the backing file is on, `inode` the file's number there."""

    path: str
    disk: str
    inode: int


class Host:
    """One machine. `directory` is where its disk is mounted, seen by its programs only (`look` shows it to others)."""

    def __init__(self, name: str, address: str, folder: Path) -> None:
        self.name = name
        self.address = address
        self.directory = folder / name
        self.log = folder / f"{name}.log"
        self._image = folder / f"{name}.xfs"
        self._boots = 0
        self._keeper: ProcessIdentity | None = None
        self._programs: list[ProcessIdentity] = []
        self.directory.mkdir()
        with self._image.open("wb") as stream:
            stream.truncate(DISK_MIB * MIB)
        run(["mkfs.xfs", "-q", "-m", "reflink=1", str(self._image)])
        self._disk = run(["losetup", "--find", "--show", str(self._image)]).strip()

    def switch_on(self) -> None:
        """Raises CommandFailed."""
        self._boots += 1
        script = _KEEPER.format(name=self.name, disk=self._disk, directory=self.directory, boot=self._boots)
        self._keeper = processes.start(
            [*_TOGETHER, "unshare", "--net", "--uts", "--mount", "sh", "-ec", script], self.log)
        deadline = time.monotonic() + PATIENCE_S
        while not self.look(f".up-{self._boots}").exists():
            if not processes.is_alive(self._keeper) or time.monotonic() > deadline:
                raise CommandFailed(["unshare"], 1, services.tail(self.log))
            time.sleep(0.01)

    def switch_off(self) -> None:
        """As if the plug was pulled: nothing is told to end, and no loop device outlasts it."""
        for program in (*self._programs, *self.strangers()):
            processes.kill(program)
        self._programs.clear()
        for device in self.volume_devices():
            _detach(device.path)
        if self._keeper is not None:
            processes.kill(self._keeper)
            self._keeper = None

    def remove(self) -> None:
        self.switch_off()
        _detach(self._disk)

    @property
    def mac(self) -> str:
        """The same after every boot, as a machine's is: others remember it."""
        return "02:00:" + ":".join(f"{int(part):02x}" for part in self.address.split("."))

    @property
    def pid(self) -> int:
        """Of the process whose namespaces are the host's."""
        assert self._keeper is not None, f"{self.name} is switched off"
        return self._keeper.pid

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` here; it becomes that very process (no process in between)."""
        return ["nsenter", f"--target={self.pid}", "--net", "--uts", "--mount", *argv]

    def run(self, *argv: str) -> str:
        """Raises CommandFailed."""
        return run(self.inside(argv), timeout_s=PATIENCE_S)

    def start(self, module: str, *arguments: str) -> ProcessIdentity:
        """A program of ours in the background; only its death, or the host's, ends it."""
        identity = services.start(module, list(arguments), self.log, [*_TOGETHER, *self.inside(())])
        self._programs.append(identity)
        return identity

    def look(self, path: str | Path = "") -> Path:
        """A path below the host's directory (absolute, or relative to it), as other programs can open it."""
        return Path(f"/proc/{self.pid}/root{self.directory / path}")

    def volume_devices(self) -> list[LoopDevice]:
        """Loop devices over files on the host's disk."""
        number = Path(f"/sys/block/{Path(self._disk).name}/dev").read_text().strip()
        return [device for device in loop_devices() if device.disk == number]

    def strangers(self) -> list[ProcessIdentity]:
        """Processes on this host that nobody started by `start`, and that are not the keeper."""
        if self._keeper is None:
            return []
        ours = {program.pid for program in (*self._programs, self._keeper)}
        here = os.readlink(f"/proc/{self.pid}/ns/mnt")
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and int(entry.name) not in ours and os.readlink(entry / "ns/mnt") == here:
                    found.append(int(entry.name))
        return [identity for pid in found if (identity := processes.identify(pid)) is not None]


class Lan:
    """Hosts on one switch, which belongs to the hub. A cut is silent: packets are lost, and nobody is told."""

    def __init__(self, folder: Path, hub: str, hub_address: str) -> None:
        self.folder = folder
        self.hub = Host(hub, hub_address, folder)
        self.hosts: dict[str, Host] = {}
        self.hub.switch_on()
        # Without an address of its own it would take that of a port, and forget neighbours when another one is added.
        self.hub.run("ip", "link", "add", "bridge0", "address", self.hub.mac, "type", "bridge")
        self.hub.run("ip", "address", "add", f"{hub_address}/24", "dev", "bridge0")
        self.hub.run("ip", "link", "set", "bridge0", "up")

    def add(self, name: str, address: str) -> Host:
        host = self.hosts[name] = Host(name, address, self.folder)
        self.switch_on(host)
        return host

    def switch_on(self, host: Host) -> None:
        host.switch_on()
        self.hub.run("ip", "link", "add", _port(host), "type", "veth", "peer", "name", "eth0", "address", host.mac,
                     "netns", str(host.pid))
        self.heal(host)
        host.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")

    def switch_off(self, host: Host) -> None:
        host.switch_off()
        # The kernel takes the cable away some time after the namespace of its other end.
        with contextlib.suppress(CommandFailed):
            self.hub.run("ip", "link", "delete", _port(host))

    def cut(self, host: Host) -> None:
        """Nothing gets from or to the host any more."""
        self.hub.run("ip", "link", "set", _port(host), "nomaster", "up")

    def heal(self, host: Host) -> None:
        self.hub.run("ip", "link", "set", _port(host), "master", "bridge0", "up")

    @contextmanager
    def silenced(self, sender: Host, receiver: Host) -> Iterator[None]:
        """What `sender` sends to `receiver` is lost; the other direction works."""
        interface = "bridge0" if sender is self.hub else "eth0"
        sender.run("ip", "neigh", "replace", receiver.address, "lladdr", _NOWHERE, "dev", interface, "nud", "permanent")
        try:
            yield
        finally:
            sender.run("ip", "neigh", "delete", receiver.address, "dev", interface)

    @contextmanager
    def slow(self, host: Host, delay_ms: int, rate_kbit: int) -> Iterator[None]:
        """Each direction of the host's cable is slow. Raises CommandFailed where the kernel lacks sch_netem."""
        shape = ("netem", "delay", f"{delay_ms}ms", "rate", f"{rate_kbit}kbit")
        self.hub.run("tc", "qdisc", "add", "dev", _port(host), "root", *shape)
        try:
            host.run("tc", "qdisc", "add", "dev", "eth0", "root", *shape)
            try:
                yield
            finally:
                host.run("tc", "qdisc", "delete", "dev", "eth0", "root")
        finally:
            self.hub.run("tc", "qdisc", "delete", "dev", _port(host), "root")

    @contextmanager
    def joined(self) -> Iterator[None]:
        """This thread, and what it starts, uses the hub's network."""
        with open("/proc/thread-self/ns/net") as before, open(f"/proc/{self.hub.pid}/ns/net") as hub:
            _enter_network(hub.fileno())
            try:
                yield
            finally:
                _enter_network(before.fileno())

    def remove(self) -> None:
        for host in (*self.hosts.values(), self.hub):
            host.remove()


@contextmanager
def lan(hub: str, hub_address: str) -> Iterator[Lan]:
    """An empty network with its folder; everything on it goes in the end. Raises CommandFailed."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    owner = processes.identify(os.getpid())
    assert owner is not None
    processes.save(folder / "owner.json", owner)
    made: Lan | None = None
    try:
        made = Lan(folder, hub, hub_address)
        yield made
    finally:
        if made is not None:
            made.remove()
        _remove(folder)


def sweep() -> list[Path]:
    """Remove what test runs left behind that were killed; returns their folders."""
    gone = []
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        owner = processes.load(folder / "owner.json")
        if owner is not None and not processes.is_alive(owner):
            _remove(folder)
            gone.append(folder)
    return gone


def _remove(folder: Path) -> None:
    """With the loop devices over the disks in it, and over the files on those."""
    images = {(f"{os.major(info.st_dev)}:{os.minor(info.st_dev)}", info.st_ino)
              for info in (image.stat() for image in folder.glob("*.xfs"))}
    for disk in [device for device in loop_devices() if (device.disk, device.inode) in images]:
        number = Path(f"/sys/block/{Path(disk.path).name}/dev").read_text().strip()
        for volume in loop_devices():
            if volume.disk == number:
                _detach(volume.path)
        _detach(disk.path)
    shutil.rmtree(folder)


def loop_devices() -> list[LoopDevice]:
    """All that are set up on this machine."""
    output = run(["losetup", "--list", "--json", "--output", "NAME,BACK-MAJ:MIN,BACK-INO"])
    listed = json.loads(output)["loopdevices"] if output.strip() else []
    return [LoopDevice(entry["name"], str(entry["back-maj:min"]).strip(), int(entry["back-ino"])) for entry in listed
            if entry["back-ino"] is not None]  # else it was detached meanwhile


def _detach(device: str) -> None:
    """The kernel puts it off while somebody has the device open. Raises CommandFailed when that does not end."""
    argv = ["losetup", "--detach", device]
    backing = Path(f"/sys/block/{Path(device).name}/loop/backing_file")
    deadline = time.monotonic() + PATIENCE_S
    with contextlib.suppress(CommandFailed):
        run(argv)
    while backing.exists():
        if time.monotonic() > deadline:
            raise CommandFailed(argv, 1, f"{device} is still open somewhere")
        time.sleep(0.02)


def _port(host: Host) -> str:
    return f"to-{host.address.rpartition('.')[2]}"


def _enter_network(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
