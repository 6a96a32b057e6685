"""Hosts that only ssh reaches: each a network and a mount namespace with an OpenSSH server of its own.

The server is Debian's package, unpacked but not installed; ssh starts it in the namespaces for every connection.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tools import processes

PACKAGES = ("openssh-server", "libwrap0")
_SERVER = """\
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
UsePAM no
StrictModes no
PermitRootLogin yes
PidFile none
"""
_HOST = """\
Host {name}
    User root
    IdentityFile {folder}/client_key
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
    ProxyCommand {start} {pid}
"""


class NoServer(Exception):
    """Why there is none."""


def unpacked_server(folder: Path) -> Path:
    """The folder into which the packages were unpacked. Raises NoServer."""
    if shutil.which("apt-get") is None or shutil.which("ssh") is None:
        raise NoServer("needs ssh, and apt-get to get openssh-server")
    folder.mkdir()
    try:
        for package in PACKAGES:
            processes.run(["apt-get", "-q", "download", package], cwd=folder, timeout_s=60)
        for archive in folder.glob("*.deb"):
            processes.run(["dpkg", "-x", str(archive), str(folder / "root")])
    except (processes.CommandFailed, OSError) as error:
        raise NoServer(f"openssh-server cannot be had: {error}") from error
    return folder / "root"


@contextmanager
def hosts(folder: Path, names: Sequence[str], private: Path) -> Iterator[list[str]]:
    """The ssh command that reaches hosts of these names; `private` is another, empty folder on each."""
    server = unpacked_server(folder / "server")
    for key in ("host_key", "client_key"):
        processes.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)])
    (folder / "sshd_config").write_text(_SERVER.format(folder=folder))
    (folder / "passwd").write_text("root:x:0:0:root:/:/bin/sh\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n")
    (folder / "shadow").write_text("root:*:19000:0:99999:7:::\n")
    start, text = folder / "start-server", ""
    start.write_text(f"#!/bin/sh\nexport LD_LIBRARY_PATH='{_libraries(server)}'\nexec nsenter --target \"$1\" --mount "
                     f"--net '{server}/usr/sbin/sshd' -i -f '{folder}/sshd_config'\n")
    start.chmod(0o755)
    with ExitStack() as stack:
        for name in names:
            pid = stack.enter_context(_namespaces(folder, private))
            text += _HOST.format(name=name, folder=folder, pid=pid, start=start)
        (folder / "ssh_config").write_text(text)
        yield ["ssh", "-F", str(folder / "ssh_config"), "-o", "BatchMode=yes"]


def _libraries(server: Path) -> Path:
    return next((server / "usr/lib").glob("*-linux-*"))


@contextmanager
def _namespaces(folder: Path, private: Path) -> Iterator[int]:
    steps = [f"mount --bind {folder}/passwd /etc/passwd", f"mount --bind {folder}/shadow /etc/shadow",
             "mount -t tmpfs tmpfs /run", "mkdir /run/sshd", f"mount -t tmpfs tmpfs {private}",
             "ip link set lo up", f"touch {private}/.ready", "exec sleep 1000"]
    keeper = processes.start(["unshare", "--mount", "--net", "sh", "-ec", "; ".join(steps)], folder / "hosts.log")
    try:
        ready = f"until nsenter --target {keeper.pid} --mount test -e {private}/.ready; do sleep 0.05; done"
        processes.run(["sh", "-c", ready], timeout_s=20)
        yield keeper.pid
    finally:
        processes.stop(keeper, timeout_s=5)
