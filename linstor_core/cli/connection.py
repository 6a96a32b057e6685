"""From the command line's options to a client: which controllers, whose credentials, what is shown meanwhile."""

from __future__ import annotations

import shlex
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import msgspec

from linstor_core.cli.call import CallFailed, Recorder
from linstor_core.cli.exit_codes import USAGE_ERROR

if TYPE_CHECKING:
    from linstor_core.client.client import LinstorClient
    from linstor_core.client.transport import Reply, Transport

CONFIG_FILES = (Path("/etc/linstor/linstor-client.conf"), Path("~/.config/linstor/linstor-client.conf"))
QUIET_S = 1.0
"""A call that takes longer says so on the terminal."""
_REDRAW_S = 0.5


class RequestShown(Exception):
    """The call was printed for curl instead of being made."""


class CurlTransport:
    """Prints what would be sent as a command for the shell."""

    def __init__(self, url: str, out: TextIO) -> None:
        self._url = url
        self._out = out

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply:
        data = ("-H", "Content-Type: application/json", "-d", body.decode()) if body is not None else ()
        self._out.write(shlex.join(("curl", "-X", method, *data, self._url + path)) + "\n")
        raise RequestShown


class FileTransport:
    """Answers with what a list wrote into a file with -m."""

    def __init__(self, file: str) -> None:
        self._file = Path(file)

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply:
        from linstor_core.client.transport import Reply

        try:
            found = msgspec.json.decode(self._file.read_bytes())
        except (OSError, msgspec.DecodeError) as error:
            raise CallFailed(f"{self._file}: {error}", USAGE_ERROR) from error
        is_wrapped = isinstance(found, list) and len(found) == 1 and isinstance(found[0], list)
        return Reply(200, msgspec.json.encode(found[0] if is_wrapped else found), {})


class ProgressTransport:
    """Shows on a terminal that a call takes its time, and clears the line when it is done."""

    def __init__(self, transport: Transport, terminal: TextIO, quiet_s: float = QUIET_S) -> None:
        self._transport = transport
        self._terminal = terminal
        self._quiet_s = quiet_s

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply:
        done = threading.Event()
        shower = threading.Thread(target=self._show, args=(done, f"{method} {path.partition('?')[0]}"), daemon=True)
        shower.start()
        try:
            return self._transport.request(method, path, body)
        finally:
            done.set()
            shower.join()

    def _show(self, done: threading.Event, what: str) -> None:
        start = time.monotonic()
        wait_s, shown = self._quiet_s, False
        while not done.wait(wait_s):
            self._terminal.write(f"\r\x1b[K… {what} {time.monotonic() - start:.0f} s")
            self._terminal.flush()
            wait_s, shown = _REDRAW_S, True
        if shown:
            self._terminal.write("\r\x1b[K")
            self._terminal.flush()


def controllers_of(options: Namespace, environment: Mapping[str, str]) -> str:
    """--controllers, then LS_CONTROLLERS, then the configuration files, then nothing: this machine."""
    if options.controllers:
        return str(options.controllers)
    found = environment.get("LS_CONTROLLERS", "")
    if found or options.disable_config:
        return found
    return next(filter(None, map(_configured, CONFIG_FILES)), "")


def _configured(file: Path) -> str:
    file = file.expanduser()
    if not file.is_file():
        return ""
    import configparser

    config = configparser.ConfigParser()
    config.read(file)
    return config.get("global", "controllers", fallback="")


def connect(options: Namespace, environment: Mapping[str, str], out: TextIO, *,
            planning: bool = False, file: str = "") -> tuple[LinstorClient, Recorder]:
    """Nothing is sent yet. `planning` asks for plans only, `file` holds the answer to whatever is asked.

    Raises ValueError for an address that is none.
    """
    from linstor_core.client.client import LinstorClient, local_token
    from linstor_core.client.transport import Credentials, HttpTransport
    from linstor_core.client.uris import controller_urls

    urls = controller_urls(controllers_of(options, environment))
    transport: Transport
    http: HttpTransport | None = None
    if file:
        transport = FileTransport(file)
    elif options.curl:
        transport = CurlTransport(urls[0], out)
    else:
        credentials = Credentials(
            token="" if options.user else local_token(), user=options.user or "", password=options.password or "",
            ca_file=options.cafile or "", certificate_file=options.certfile or "", key_file=options.keyfile or "")
        transport = http = HttpTransport(urls, options.timeout, credentials)
        if sys.stderr.isatty():
            transport = ProgressTransport(transport, sys.stderr)
    from linstor_core.cli.planning import PlanTransport

    planner = PlanTransport(transport) if planning else None
    recorder = Recorder(planner or transport, planner, lambda: http.url if http is not None else urls[0])
    return LinstorClient(transport=recorder), recorder
