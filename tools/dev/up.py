"""`./dev up`: from an empty folder to a volume. Every step looks first and does only what is missing."""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path

from tools import loop_mounts, processes, services
from tools.dev.first_volume import FirstVolume
from tools.dev.progress import Progress
from tools.dev.state_folder import DEFAULT, Setup, StateFolder
from tools.dev.suggestions import suggestions

IMAGE_MIB = 20 * 1024
DEFAULT_LISTEN = "127.0.0.1:3370"
DEFAULT_SATELLITE_LISTEN = "127.0.0.1:3366"


class CannotStart(Exception):
    """What is missing or in the way, in one sentence."""


def up(folder: StateFolder, listen: str | None, progress: Progress) -> None:
    """Raises CannotStart, StateFolderRefused, NoRoom, CommandFailed, StartFailed and what the REST client raises."""
    if not Path("/dev/loop-control").exists():
        raise CannotStart("This machine has no loop devices (/dev/loop-control is missing; modprobe loop may help).")
    setup = _setup(folder, listen)
    with progress.step("pool directory") as step:
        step.done(_pool_directory(folder))
    with progress.step("process") as step:
        step.done(_process(folder, setup))
    first = FirstVolume(setup, folder.pool)
    with progress.step("node") as step:
        step.done(first.node())
    with progress.step("storage pool") as step:
        step.done(first.storage_pool())
    with progress.step("resource group") as step:
        step.done(first.resource_group())
    with progress.step("volume") as step:
        step.done(first.volume())
    progress.say("")
    progress.say(f"REST address  http://{setup.listen}/v1   log  {folder.shown(folder.log)}")
    progress.say("")
    progress.say("Try next:")
    for line in suggestions(first, _client_command(folder, setup)):
        progress.say(f"  {line}")


def _client_command(folder: StateFolder, setup: Setup) -> str:
    return "./dev linstor" if folder.root == DEFAULT else f"./dev linstor --controllers http://{setup.listen}"


def _setup(folder: StateFolder, listen: str | None) -> Setup:
    """The choices of the first run, with another address where one is asked for and nothing runs yet."""
    found = folder.setup()
    if found is None:
        satellite = DEFAULT_SATELLITE_LISTEN if _is_free(DEFAULT_SATELLITE_LISTEN) else services.free_address()
        found = Setup(listen or DEFAULT_LISTEN, satellite, node_name_of(socket.gethostname()))
    elif listen is not None and listen != found.listen:
        if _is_running(folder):
            raise CannotStart(f"It already runs on {found.listen}; run `./dev down` first to move it to {listen}.")
        found = Setup(listen, found.satellite_listen, found.node_name)
    folder.keep(found)
    return found


def node_name_of(host_name: str) -> str:
    """A legal node name (RFC 1123) out of whatever the machine is called."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", host_name).strip("-.")
    return name if len(name) >= 2 else "node1"


def _pool_directory(folder: StateFolder) -> str:
    folder.pool.mkdir(exist_ok=True)
    shown = folder.shown(folder.pool)
    if not folder.image.exists() and loop_mounts.supports_reflink(folder.pool):
        return f"{shown} (this file system can share blocks)"
    if loop_mounts.is_mounted(folder.pool):
        return f"{shown} (found)"
    loop_mounts.mount_image(folder.image, folder.pool, IMAGE_MIB)
    return f"{shown} (xfs image of {shutil.disk_usage(folder.pool).total / 2**30:.0f} GiB, takes space as it fills)"


def _process(folder: StateFolder, setup: Setup) -> str:
    running = processes.load(folder.identity)
    if running is not None and processes.is_alive(running):
        services.wait_until_healthy(setup.listen, running, folder.log)
        return f"runs, pid {running.pid}"
    for address in (setup.listen, setup.satellite_listen):
        if not _is_free(address):
            raise CannotStart(f"Another program listens on {address}: stop it, or choose an address with --listen.")
    arguments = ["--listen", setup.listen, "--satellite-listen", setup.satellite_listen, "--name", setup.node_name,
                 "--state", str(folder.data), "--log-file", str(folder.log)]
    identity = services.start("linstor_core.single", arguments, folder.log)
    processes.save(folder.identity, identity)
    services.wait_until_healthy(setup.listen, identity, folder.log)
    return f"started, pid {identity.pid}"


def _is_running(folder: StateFolder) -> bool:
    identity = processes.load(folder.identity)
    return identity is not None and processes.is_alive(identity)


def _is_free(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError:
            return False
    return True
