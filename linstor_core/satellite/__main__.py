"""`python -m linstor_core.satellite`: one satellite in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linstor_core.daemons import command_line, exit_statuses, lifetime, logs, options, values
from linstor_core.daemons.command_line import Source, argument
from linstor_core.daemons.lifetime import Reload
from linstor_core.daemons.options import Key
from linstor_core.daemons.supervisor import Supervisor
from linstor_core.domain.errors import LinstorError
from linstor_core.satellite.device_links import DEFAULT_FOLDER
from linstor_core.satellite.reconciler import World
from linstor_core.satellite.satellite import Satellite, SatelliteSettings
from linstor_core.satellite.settings import (
    CONFIG_FILE,
    DEFAULT_PORT,
    DEFAULT_STATE,
    DEFAULT_TLS_PORT,
    ELSEWHERE,
    ENCRYPTIONS,
    SatelliteOptions,
)
from linstor_core.satellite.transfer_limits import TransferLimits

PROGRAM = "linstor-satellite"


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser(PROGRAM, "Holds volumes on this node.", options.rows_of(SatelliteOptions), CONFIG_FILE)
    parser.add_argument("--name", help=f"the node's name (default: the host's, {socket.gethostname()})")
    parser.add_argument("--listen", type=argument(values.listen), metavar="ADDRESS:PORT",
                        help=f"where the controller dials (default: 0.0.0.0:{DEFAULT_PORT})")
    parser.add_argument("--type", type=argument(values.one_of(*ENCRYPTIONS)), metavar="TYPE",
                        help="auto, plain, ssl or both: with auto by TLS where there is a certificate, which 'join' "
                             "brings (default: auto)")
    parser.add_argument("--ssl-port", type=argument(values.port), metavar="PORT",
                        help=f"where the controller dials by TLS (default: as joined, else {DEFAULT_TLS_PORT})")
    parser.add_argument("--state", type=Path, metavar="DIR",
                        help=f"where the satellite keeps what it knows (default: {DEFAULT_STATE})")
    parser.add_argument("--allow-external-files", type=argument(values.folder), action="append", metavar="DIR",
                        help="let the controller write external files below this folder; may be given several times "
                             "(default: nowhere)")
    parser.add_argument("--device-links", type=argument(values.folder_or_none), metavar="DIR",
                        help="where volumes' devices get names that stay, DIR/RESOURCE/NUMBER; no other satellite may "
                             f"use the folder; '' for no names (default: {DEFAULT_FOLDER}, with a --state of its own "
                             "the folder by-res in there)")
    parser.add_argument("--verbose", action="store_true", help="log every step")
    return parser


def _overrides(parsed: argparse.Namespace) -> dict[Key, Any]:
    """What the command line says, by the file's options."""
    found: dict[Key, Any] = {}
    if parsed.listen is not None:
        found["netcom", "bind_address"], found["netcom", "port"] = parsed.listen
    if parsed.allow_external_files is not None:
        found["files", "allowExtFiles"] = tuple(parsed.allow_external_files)
    if parsed.verbose:
        found["logging", "level"] = found["logging", "linstor_level"] = "INFO"
    for key, value in ((("stlt", "overrideNodeName"), parsed.name), (("state", "path"), parsed.state),
                       (("files", "device_links"), parsed.device_links), (("netcom", "type"), parsed.type),
                       (("netcom", "ssl_port"), parsed.ssl_port)):
        if value is not None:
            found[key] = value
    return found


def _source_of(arguments: Sequence[str] | None) -> Source[SatelliteOptions]:
    """Ends the process where the command line asks for a sample or makes no sense."""
    parsed = _parser().parse_args(arguments)
    if parsed.sample_config:
        print(options.sample(options.rows_of(SatelliteOptions), PROGRAM), end="")
        sys.exit(exit_statuses.OK)
    return Source(SatelliteOptions, CONFIG_FILE, ELSEWHERE, parsed, _overrides(parsed))


def _set_levels(chosen: SatelliteOptions) -> None:
    logs.set_levels(chosen.logging.level, chosen.logging.linstor_level, chosen.logging.levels)


def _settings(chosen: SatelliteOptions) -> SatelliteSettings:
    return SatelliteSettings(chosen.stlt.overrideNodeName or socket.gethostname(), chosen.state.path,
                             chosen.netcom.bind_address, chosen.netcom.port, chosen.files.allowExtFiles,
                             chosen.device_links(), tls=chosen.netcom.tls(),
                             tls_port=chosen.netcom.ssl_port, encryption=chosen.netcom.type,
                             transfers=TransferLimits(chosen.transfers.parallel, chosen.transfers.limit_kib_s))


def settings_of(arguments: Sequence[str] | None) -> SatelliteSettings:
    """What the command line and the file say. The log goes to the standard error from now on. Raises BadSettings."""
    chosen = _source_of(arguments).read()
    logs.start(sys.stderr, os.environ)
    _set_levels(chosen)
    return _settings(chosen)


async def serve(settings: SatelliteSettings, world: World | None = None) -> None:
    """Until SIGTERM or SIGINT."""
    await lifetime.run(Satellite(settings, world), Supervisor(os.environ, os.getpid()))


def _run(source: Source[SatelliteOptions]) -> None:
    chosen = source.read()
    _set_levels(chosen)
    satellite = Satellite(_settings(chosen))
    reload = Reload(source.read, chosen)
    reload.on_reload.append(_set_levels)
    reload.on_reload.append(lambda fresh: satellite.allow_files(fresh.files.allowExtFiles))
    reload.on_reload.append(lambda _: satellite.load_certificates())
    asyncio.run(lifetime.run(satellite, Supervisor(os.environ, os.getpid()), reload))


def main(arguments: Sequence[str] | None = None) -> None:
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["join"]:
        from linstor_core.satellite import joining  # nothing that a satellite needs while it runs

        sys.exit(joining.main(given[1:]))
    source = _source_of(arguments)
    logs.start(sys.stderr, os.environ)
    try:
        _run(source)
    except LinstorError as fault:
        print(" ".join(filter(None, (f"{PROGRAM}:", fault.message, fault.cause, fault.correction))), file=sys.stderr)
        sys.exit(exit_statuses.BAD_SETTINGS)
    except OSError as fault:
        sys.exit(f"{PROGRAM}: {fault}")
    logging.shutdown()
    # A mkfs that still runs holds a thread: it works on a file without a name that counts, nobody has to wait for it.
    os._exit(exit_statuses.OK)


if __name__ == "__main__":
    main()
