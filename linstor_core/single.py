"""`python -m linstor_core.single`: a controller and a satellite in one process.

The only place that knows both. They talk over the loopback channel by the same messages as on two machines, so nothing
here may pass anything between them.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
from pathlib import Path

import uvloop
from msgspec import Struct

from linstor_core.controller import auto_unlock
from linstor_core.controller.daemon import ControllerDaemon
from linstor_core.daemons import exit_statuses, lifetime, logs, values
from linstor_core.daemons.command_line import argument
from linstor_core.daemons.supervisor import Supervisor
from linstor_core.domain.errors import LinstorError
from linstor_core.satellite.satellite import Satellite, SatelliteSettings


class SingleSettings(Struct, frozen=True):
    """Two listen addresses, (host, port) each; `state` gets the folders `controller` and `satellite`."""

    rest: tuple[str, int]
    satellite: tuple[str, int]
    node_name: str
    state: Path
    file_folders: tuple[str, ...] = ()
    """Where the satellite may write external files."""
    device_links: str = ""
    """The folder of stable names of devices; empty for none."""
    allow_loop_devices: bool = False
    """Whether loop devices count as disks when unused devices are looked for."""


def settings_of(arguments: list[str] | None) -> SingleSettings:
    parser = argparse.ArgumentParser(prog="python -m linstor_core.single",
                                     description="A controller and a satellite in one process.")
    parser.add_argument("--listen", type=argument(values.listen), default=("127.0.0.1", 3370), metavar="HOST:PORT",
                        help="REST address (127.0.0.1:3370)")
    parser.add_argument("--satellite-listen", type=argument(values.listen), default=("127.0.0.1", 3366),
                        metavar="HOST:PORT", help="the satellite's address (127.0.0.1:3366)")
    parser.add_argument("--name", default=socket.gethostname(), help="the node's name (%(default)s)")
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="folder of both; made where missing")
    parser.add_argument("--allow-external-files", type=argument(values.folder), action="append", default=[],
                        metavar="DIR",
                        help="let external files be written below this folder; may be given several times (nowhere)")
    parser.add_argument("--device-links", type=argument(values.folder_or_none), metavar="DIR",
                        help="where devices get names that stay, DIR/RESOURCE/NUMBER; '' for none (by-res below "
                             "--state)")
    parser.add_argument("--allow-loop-devices", action="store_true",
                        help="let loop devices be used as if they were disks (for trying out)")
    parser.add_argument("--log-level", type=argument(values.level), default="INFO", metavar="LEVEL",
                        help="trace, debug, info, warning or error (info)")
    parser.add_argument("--log-file", type=Path, metavar="FILE",
                        help="log into this file, of bounded size (the standard error)")
    parsed = parser.parse_args(arguments)
    if parsed.log_file is None:
        logs.start(sys.stderr, os.environ)
    else:
        logs.start_in_file(parsed.log_file)
    logs.set_levels(parsed.log_level, parsed.log_level)
    return SingleSettings(parsed.listen, parsed.satellite_listen, parsed.name, parsed.state,
                          tuple(parsed.allow_external_files),
                          str(parsed.state.absolute() / "by-res") if parsed.device_links is None
                          else parsed.device_links, parsed.allow_loop_devices)


def parts_of(settings: SingleSettings) -> tuple[ControllerDaemon, Satellite]:
    """Both, on the real database and the real machine, not started."""
    return (ControllerDaemon(settings.state / "controller", *settings.rest, passphrase=auto_unlock.find(os.environ)),
            Satellite(SatelliteSettings(settings.node_name, settings.state / "satellite", *settings.satellite,
                                        settings.file_folders, settings.device_links,
                                        settings.allow_loop_devices)))


class Both:
    """The satellite first: then the controller's first call to it gets through."""

    def __init__(self, controller: ControllerDaemon, satellite: Satellite) -> None:
        self._controller = controller
        self._satellite = satellite

    async def start(self) -> None:
        await self._satellite.start()
        try:
            await self._controller.start()
        except BaseException:
            await self._satellite.stop()
            raise

    async def stop(self) -> None:
        try:
            await self._controller.stop()
        finally:
            await self._satellite.stop()

    def status(self) -> str:
        return f"{self._controller.status()}; {self._satellite.status()}"


async def serve(controller: ControllerDaemon, satellite: Satellite) -> None:
    """Until SIGTERM or SIGINT. Volumes stay attached. Raises LinstorError, OSError when one of them can't start."""
    await lifetime.run(Both(controller, satellite), Supervisor(os.environ, os.getpid()))


def main(arguments: list[str] | None = None) -> int:
    try:
        uvloop.run(serve(*parts_of(settings_of(arguments))))
    except (LinstorError, OSError) as fault:
        print(f"linstor: {fault}", file=sys.stderr)
        return exit_statuses.FAILED
    return exit_statuses.OK


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # A step that still runs holds a thread: it works on what has no name yet, nobody has to wait for it.
    os._exit(status)
