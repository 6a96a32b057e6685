"""`python -m linstor_core.single`: a controller and a satellite in one process.

The only place that knows both. They talk over the loopback channel by the same messages as on two machines, so nothing
here may pass anything between them.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop
from msgspec import Struct

from linstor_core.controller import auto_unlock
from linstor_core.controller.daemon import ControllerDaemon
from linstor_core.domain.errors import LinstorError
from linstor_core.satellite.satellite import Satellite, SatelliteSettings, file_folder, links_folder


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


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"HOST:PORT is needed, not '{text}'")
    return host.strip("[]"), int(port)


def settings_of(arguments: list[str] | None) -> SingleSettings:
    parser = argparse.ArgumentParser(prog="python -m linstor_core.single",
                                     description="A controller and a satellite in one process.")
    parser.add_argument("--listen", type=_address, default=("127.0.0.1", 3370), metavar="HOST:PORT",
                        help="REST address (127.0.0.1:3370)")
    parser.add_argument("--satellite-listen", type=_address, default=("127.0.0.1", 3366), metavar="HOST:PORT",
                        help="the satellite's address (127.0.0.1:3366)")
    parser.add_argument("--name", default=socket.gethostname(), help="the node's name (%(default)s)")
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="folder of both; made where missing")
    parser.add_argument("--allow-external-files", type=file_folder, action="append", default=[], metavar="DIR",
                        help="let external files be written below this folder; may be given several times (nowhere)")
    parser.add_argument("--device-links", type=links_folder, metavar="DIR",
                        help="where devices get names that stay, DIR/RESOURCE/NUMBER; '' for none (by-res below "
                             "--state)")
    parser.add_argument("--log-level", default="INFO", help="DEBUG, INFO, WARNING, ERROR (%(default)s)")
    parsed = parser.parse_args(arguments)
    logging.basicConfig(level=parsed.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return SingleSettings(parsed.listen, parsed.satellite_listen, parsed.name, parsed.state,
                          tuple(parsed.allow_external_files),
                          str(parsed.state.absolute() / "by-res") if parsed.device_links is None
                          else parsed.device_links)


def parts_of(settings: SingleSettings) -> tuple[ControllerDaemon, Satellite]:
    """Both, on the real database and the real machine, not started."""
    return (ControllerDaemon(settings.state / "controller", *settings.rest, passphrase=auto_unlock.find(os.environ)),
            Satellite(SatelliteSettings(settings.node_name, settings.state / "satellite", *settings.satellite,
                                        settings.file_folders, settings.device_links)))


async def serve(controller: ControllerDaemon, satellite: Satellite) -> None:
    """Until SIGTERM or SIGINT. Volumes stay attached. Raises LinstorError, OSError when one of them can't start."""
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    async with AsyncExitStack() as running:
        # The satellite first: then the controller's first call to it gets through.
        await satellite.start()
        running.push_async_callback(satellite.stop)
        await controller.start()
        running.push_async_callback(controller.stop)
        await ending.wait()


def main(arguments: list[str] | None = None) -> int:
    try:
        uvloop.run(serve(*parts_of(settings_of(arguments))))
    except (LinstorError, OSError) as fault:
        print(f"linstor: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
