"""linstor error-reports …"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import datetime, timedelta

from linstor_core.cli.arguments import NODES, PASTABLE
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import Column
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_v1 import ErrorReport

_AGO = re.compile(r"(?:(\d+)d)?(?:(\d+)h?)?")


def time_ms(text: str) -> int:
    """`3h`, `1d10h` ago, or a date or date and time in ISO form."""
    found = _AGO.fullmatch(text)
    if found is not None and any(found.groups()):
        ago = timedelta(days=int(found.group(1) or 0), hours=int(found.group(2) or 0))
        return int((datetime.now() - ago).timestamp() * 1000)
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError as error:
        raise ArgumentTypeError(f"'{text}' is no time: give 3h, 1d10h or 2026-01-31") from error


def list_reports(call: Call) -> None:
    args = call.args
    reports = call.client.error_reports(args.nodes or (), args.since, args.to, args.report_id or ())
    columns = [Column("Id"), Column("Datetime"), Column("Node"), Column("Exception"),
               *([Column("Location"), Column("Version")] if args.full else [])]
    if call.shown_as_json(bare=True):
        return
    rows = [_row(report, args.full) for report in sorted(reports, key=lambda report: report.error_time or 0)]
    call.screen.table(columns, rows, pastable=args.pastable)


def report_id(report: ErrorReport) -> str:
    return report.filename.removeprefix("ErrorReport-").removesuffix(".log")


def _row(report: ErrorReport, full: bool) -> list[str]:
    message = report.exception_message
    short = message if len(message) < 60 else message[:57] + "..."
    location = f"{report.origin_file}:{report.origin_line}" if report.origin_file else ""
    return [report_id(report), _time(report), f"{report.module[:1]}|{report.node_name}".lstrip("|"),
            report.exception + (f": {short}" if short else ""), *([location, report.version] if full else [])]


def _time(report: ErrorReport) -> str:
    return str(datetime.fromtimestamp((report.error_time or 0) // 1000))


def show(call: Call) -> None:
    for name in call.args.report_id:
        reports = call.client.error_report(name)
        if call.shown_as_json():
            continue
        for report in reports:
            call.screen.line(report.text or f"{report_id(report)} of {_time(report)} on {report.node_name}: "
                                            f"{report.exception} {report.exception_message}")


def delete(call: Call) -> None:
    args = call.args
    call.show(call.client.delete_error_reports(bodies.ErrorReportDelete(
        nodes=tuple(args.nodes) if args.nodes else None, since=args.since, to=args.to, exception=args.exception,
        ids=tuple(args.id) or None)))


_SINCE = Arg("--since", "not older than this: 3h, 1d10h ago or a date", aliases=("-s",), kind=time_ms)
_TO = Arg("--to", "not newer than this date", aliases=("-t",), kind=time_ms)
_ID = Arg("report_id", "ids of reports", "+")

NOUN = Noun("error-reports", ("err",), "What went wrong, in full.", (
    Command("list", ("l",), "Show the reports.",
            (_SINCE, _TO, NODES, PASTABLE, Arg("--report-id", "only these", "+"),
             Arg("--full", "with the place in the code", "flag", ("-f",))), list_reports, reads=True),
    Command("show", ("s",), "Show reports with their text.", (_ID,), show, reads=True),
    Command("delete", ("d",), "Remove reports that match all that is given.",
            (NODES._replace(aliases=()), _SINCE._replace(aliases=()), _TO._replace(aliases=()),
             Arg("--exception", "of this kind"), Arg("id", "ids of reports", "*")), delete),
))
