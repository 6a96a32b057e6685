"""`python -m linstor_core.satellite`: one satellite in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from linstor_core.satellite.device_links import DEFAULT_FOLDER
from linstor_core.satellite.reconciler import World
from linstor_core.satellite.satellite import DEFAULT_PORT, Satellite, SatelliteSettings, file_folder, links_folder

DEFAULT_STATE = Path("/var/lib/linstor-satellite")


def settings_of(arguments: list[str] | None) -> SatelliteSettings:
    parser = argparse.ArgumentParser(prog="linstor-satellite", description="Holds volumes on this node.")
    parser.add_argument("--name", default=socket.gethostname(), help="the node's name (default: %(default)s)")
    parser.add_argument("--listen", default=f"0.0.0.0:{DEFAULT_PORT}", metavar="ADDRESS:PORT",
                        help="where the controller dials (default: %(default)s)")
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, metavar="DIR",
                        help="where the satellite keeps what it knows (default: %(default)s)")
    parser.add_argument("--allow-external-files", type=file_folder, action="append", default=[], metavar="DIR",
                        help="let the controller write external files below this folder; may be given several times "
                             "(default: nowhere)")
    parser.add_argument("--device-links", type=links_folder, metavar="DIR",
                        help="where volumes' devices get names that stay, DIR/RESOURCE/NUMBER; no other satellite may "
                             f"use the folder; '' for no names (default: {DEFAULT_FOLDER}, with a --state of its own "
                             "the folder by-res in there)")
    parser.add_argument("--verbose", action="store_true", help="log every step")
    parsed = parser.parse_args(arguments)
    address, _, port = parsed.listen.rpartition(":")
    if not address or not port.isdigit():
        parser.error(f"--listen needs ADDRESS:PORT, not '{parsed.listen}'")
    logging.basicConfig(level=logging.INFO if parsed.verbose else logging.WARNING,
                        format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    links = parsed.device_links
    if links is None:
        links = DEFAULT_FOLDER if parsed.state == DEFAULT_STATE else str(parsed.state.absolute() / "by-res")
    return SatelliteSettings(parsed.name, parsed.state, address.strip("[]"), int(port),
                             tuple(parsed.allow_external_files), links)


async def serve(settings: SatelliteSettings, world: World | None = None) -> None:
    """Until SIGTERM or SIGINT."""
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    satellite = Satellite(settings, world)
    await satellite.start()
    await ending.wait()
    await satellite.stop()


def main(arguments: list[str] | None = None) -> None:
    try:
        asyncio.run(serve(settings_of(arguments)))
    except OSError as error:
        sys.exit(f"linstor-satellite: {error}")
    logging.shutdown()
    # A mkfs that still runs holds a thread: it works on a file without a name that counts, nobody has to wait for it.
    os._exit(0)


if __name__ == "__main__":
    main()
