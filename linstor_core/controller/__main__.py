"""`linstor-controller`: a controller in the foreground."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from linstor_core.controller import auto_unlock
from linstor_core.controller.access_log import AccessLogChoice
from linstor_core.controller.auto_unlock import Passphrase
from linstor_core.controller.daemon import ControllerDaemon
from linstor_core.controller.https import Https
from linstor_core.controller.repository import Repository
from linstor_core.controller.settings import CONFIG_FILE, ELSEWHERE, ControllerSettings
from linstor_core.daemons import command_line, exit_statuses, lifetime, logs, options, values
from linstor_core.daemons.command_line import Source, argument
from linstor_core.daemons.lifetime import Reload
from linstor_core.daemons.option_files import BadSettings
from linstor_core.daemons.options import Key
from linstor_core.daemons.supervisor import Supervisor
from linstor_core.domain.errors import DatabaseNewer, InvalidInput, LinstorError

PROGRAM = "linstor-controller"


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser(PROGRAM, __doc__ or "", options.rows_of(ControllerSettings), CONFIG_FILE)
    parser.add_argument("--listen", type=argument(values.listen), metavar="HOST:PORT",
                        help="address of plain HTTP (default: 127.0.0.1:3370)")
    parser.add_argument("--state", type=Path, metavar="DIR",
                        help="folder of the database, made where it is missing (default: /var/lib/linstor)")
    parser.add_argument("--master-passphrase-file", type=Path, metavar="FILE",
                        help="file of mode 0600 with the master passphrase, to open the master key at the start; else "
                             f"systemd's credential {auto_unlock.CREDENTIAL}, ${auto_unlock.ENVIRONMENT} or the file's "
                             "is taken")
    parser.add_argument("--log-level", type=argument(values.level), metavar="LEVEL",
                        help="trace, debug, info, warning or error, for everything (default: info)")
    return parser


def _overrides(parsed: argparse.Namespace) -> dict[Key, Any]:
    """What the command line says, by the file's options."""
    found: dict[Key, Any] = {}
    if parsed.listen is not None:
        found["http", "listen_addr"], found["http", "port"] = parsed.listen
    if parsed.state is not None:
        found["state", "path"] = parsed.state
    if parsed.master_passphrase_file is not None:
        found["encrypt", "passphrase_file"] = parsed.master_passphrase_file
    if parsed.log_level is not None:
        found["logging", "level"] = found["logging", "linstor_level"] = parsed.log_level
    return found


def _set_levels(settings: ControllerSettings) -> None:
    logs.set_levels(settings.logging.level, settings.logging.linstor_level, settings.logging.levels)


def _passphrase(settings: ControllerSettings) -> Passphrase | None:
    found = auto_unlock.find(os.environ, settings.encrypt.passphrase_file)
    if found is None and settings.encrypt.passphrase:
        return Passphrase(settings.encrypt.passphrase, "[encrypt] passphrase")
    return found


def daemon_of(settings: ControllerSettings) -> ControllerDaemon:
    """Not started. Raises InvalidInput for files that can't be used, OSError for a state folder that can't be made."""
    files = settings.https.files()
    if not settings.http.enabled and files is None:
        raise BadSettings("Neither HTTP nor HTTPS is served.", "[http] enabled is false, and [https] is disabled or "
                          "has no certificate.", "Enable one of them.")
    https = Https(settings.https.listen_addr, settings.https.port, files) if files is not None else None
    settings.state.path.mkdir(parents=True, exist_ok=True)
    return ControllerDaemon(
        settings.state.path, settings.http.listen_addr, settings.http.port,
        Repository(settings.db.connection_url) if settings.db.connection_url else None, _passphrase(settings),
        https=https, serves_http=settings.http.enabled,
        access_log=AccessLogChoice(settings.logging.rest_access_log_mode, settings.logging.rest_access_log_path),
        links=settings.links.choices())


def _run(source: Source[ControllerSettings]) -> None:
    settings = source.read()
    _set_levels(settings)
    daemon = daemon_of(settings)
    reload = Reload(source.read, settings)
    reload.on_reload.append(_set_levels)
    reload.on_reload.append(lambda fresh: daemon.load_certificates(fresh.https.files()))
    reload.on_reload.append(lambda fresh: daemon.load_link_certificates(fresh.links.files()))
    uvloop.run(lifetime.run(daemon, Supervisor(os.environ, os.getpid()), reload))


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    if parsed.sample_config:
        print(options.sample(options.rows_of(ControllerSettings), PROGRAM), end="")
        return exit_statuses.OK
    logs.start(sys.stderr, os.environ)
    source = Source(ControllerSettings, CONFIG_FILE, ELSEWHERE, parsed, _overrides(parsed))
    try:
        _run(source)
    except LinstorError as fault:
        print(" ".join(filter(None, (f"{PROGRAM}:", fault.message, fault.cause, fault.correction))), file=sys.stderr)
        if isinstance(fault, DatabaseNewer):
            return exit_statuses.DATABASE_NEWER
        return exit_statuses.BAD_SETTINGS if isinstance(fault, InvalidInput) else exit_statuses.FAILED
    except OSError as fault:
        print(f"{PROGRAM}: {fault}", file=sys.stderr)
        return exit_statuses.FAILED
    return exit_statuses.OK


if __name__ == "__main__":
    sys.exit(main())
