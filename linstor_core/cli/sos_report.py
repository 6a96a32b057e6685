"""linstor sos-report …, and linstor space-reporting …"""

from __future__ import annotations

import re
from pathlib import Path

from linstor_core.cli.arguments import FROM_FILE, NODES, RESOURCES
from linstor_core.cli.call import Call, CallFailed
from linstor_core.cli.error_reports import time_ms
from linstor_core.cli.exit_codes import UNKNOWN_ERROR
from linstor_core.cli.grammar import Arg, Command, Noun

_FILE_NAME = re.compile(r'filename="?([\w.\-]+)"?')


def _since_ms(text: str) -> int:
    """`3days` is LINSTOR's notation."""
    return time_ms(re.sub(r"(?<=\d)\s*days?$", "d", text))


def create(call: Call) -> None:
    args = call.args
    call.show(call.client.create_sos_report(args.since, args.nodes or (), args.resources or ()))


def download(call: Call) -> None:
    """Never over a file that is there."""
    args = call.args
    reply = call.client.download_sos_report(args.since, args.nodes or (), args.resources or ())
    named = _FILE_NAME.search(reply.headers.get("Content-Disposition", ""))
    target = Path(args.path or ".")
    if target.is_dir():
        target /= named.group(1).lstrip(".") if named else "sos-report.tar.gz"
    try:
        with target.open("xb") as file:
            file.write(reply.content)
    except OSError as error:
        raise CallFailed(str(error), UNKNOWN_ERROR) from error
    call.screen.line(f"SOS report: {target.absolute()}")


def show_space(call: Call) -> None:
    text = call.client.space_report()
    if not call.shown_as_json():
        call.screen.line(text)


_WHAT = (Arg("--since", "logs not older than this: 3days, 12h or a date", aliases=("-s",), kind=_since_ms), NODES,
         RESOURCES)

NOUN = Noun("sos-report", ("sos",), "All that somebody needs who is to find out what went wrong.", (
    Command("create", ("c",), "Write a report on the controller's machine.", _WHAT, create),
    Command("download", ("dl",), "Make a report and fetch it.",
            (*_WHAT, Arg("path", "a folder, or the file to write", "?")), download),
))

SPACE = Noun("space-reporting", ("spr",), "How much space was used.", (
    Command("query", ("qry",), "Show the report.", (FROM_FILE,), show_space, reads=True),
))
