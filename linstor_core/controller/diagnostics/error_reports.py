"""Keeps a report of every internal error, as files in a folder of its own: the model's database has other worries."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from linstor_core import __version__
from linstor_core.wire.rest_v1 import ErrorReport

log = logging.getLogger(__name__)

CONTROLLER = "Controller"
"""LINSTOR's name for the node of reports that are the controller's own."""


class ReportFilter(Struct, frozen=True):
    """What matches all given fields; times in ms, both ends included. An empty tuple matches everything.

    With `prefixes` an id need only begin like one of `ids`.
    """

    nodes: tuple[str, ...] = ()
    since_ms: int | None = None
    to_ms: int | None = None
    ids: tuple[str, ...] = ()
    exception: str = ""
    version: str = ""
    prefixes: bool = False

    def matches(self, report: ErrorReport) -> bool:
        moment = report.error_time or 0
        return ((not self.nodes or report.node_name.upper() in {node.upper() for node in self.nodes})
                and (self.since_ms is None or moment >= self.since_ms)
                and (self.to_ms is None or moment <= self.to_ms)
                and (not self.ids or self._has_id(report_id(report)))
                and (not self.exception or self.exception == report.exception)
                and (not self.version or self.version == report.version))

    def _has_id(self, number: str) -> bool:
        return any(number.startswith(wanted.upper()) if self.prefixes else number == wanted.upper()
                   for wanted in self.ids)


def report_id(report: ErrorReport) -> str:
    return report.filename.removeprefix("ErrorReport-").removesuffix(".log")


class ErrorReports:
    """All disk work is done in one thread, so that a request neither waits for it nor meets a half-written file."""

    KEEP = 1000
    KEEP_MS = 90 * 24 * 3600 * 1000
    PENDING = 100
    """Reports that wait for the disk at most; an error storm must not fill the memory."""

    def __init__(self, folder: Path, now_ms: Callable[[], int]) -> None:
        self._folder = folder
        self._now_ms = now_ms
        self._instance = f"{now_ms() // 1000 & 0xFFFFFFFF:08X}"
        self._number = 0
        self._pending = 0
        self._disk = ThreadPoolExecutor(1, "error-reports")
        self._reports: dict[str, ErrorReport] = {}
        self._disk.submit(self._load)

    @property
    def count(self) -> int:
        return len(self._reports)

    def record(self, fault: BaseException, request_line: str) -> str:
        """Note an internal error; gives the report's id, "" when too many are on their way to the disk."""
        if self._pending >= self.PENDING:
            return ""
        number = f"{self._instance}-00000-{self._number:06d}"
        self._number += 1
        report = _described(number, self._now_ms(), fault, request_line)
        self._pending += 1
        self._disk.submit(self._write, report)
        return number

    async def find(self, wanted: ReportFilter, *, limit: int = 0, offset: int = 0,
                   with_content: bool = False) -> list[ErrorReport]:
        """The newest first; `limit` 0 gives all."""
        return await asyncio.wrap_future(self._disk.submit(self._find, wanted, limit, offset, with_content))

    async def delete(self, wanted: ReportFilter) -> int:
        """How many there were."""
        return await asyncio.wrap_future(self._disk.submit(self._delete, wanted))

    def close(self) -> None:
        """Waits for what is on its way to the disk."""
        self._disk.shutdown()

    # What follows runs in the thread.

    def _path(self, number: str) -> Path:
        return self._folder / f"ErrorReport-{number}.json"

    def _load(self) -> None:
        try:
            self._read_folder()
            self._trim()
        except OSError as fault:
            log.error("The error reports in %s can't be read: %s", self._folder, fault)

    def _read_folder(self) -> None:
        for path in sorted(self._folder.glob("ErrorReport-*.json")):
            try:
                report = msgspec.json.decode(path.read_bytes(), type=ErrorReport)
            except (OSError, msgspec.DecodeError) as fault:
                log.warning("%s can't be read: %s", path.name, fault)
                continue
            self._reports[report_id(report)] = structs.replace(report, text="")

    def _write(self, report: ErrorReport) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._path(report_id(report))
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(report))
            self._reports[report_id(report)] = structs.replace(report, text="")
            self._trim()
        except OSError as fault:
            log.error("Error report %s could not be stored: %s", report_id(report), fault)
        finally:
            self._pending -= 1

    def _trim(self) -> None:
        oldest_ms = self._now_ms() - self.KEEP_MS
        names = list(self._reports)
        surplus = len(names) - self.KEEP
        self._remove(name for number, name in enumerate(names)
                     if number < surplus or (self._reports[name].error_time or 0) < oldest_ms)

    def _find(self, wanted: ReportFilter, limit: int, offset: int, with_content: bool) -> list[ErrorReport]:
        found = sorted((report for report in self._reports.values() if wanted.matches(report)),
                       key=lambda report: (report.error_time or 0, report.filename), reverse=True)
        page = found[offset:offset + limit] if limit else found[offset:]
        return [self._complete(report) for report in page] if with_content else page

    def _complete(self, report: ErrorReport) -> ErrorReport:
        try:
            return msgspec.json.decode(self._path(report_id(report)).read_bytes(), type=ErrorReport)
        except (OSError, msgspec.DecodeError) as fault:
            return structs.replace(report, text=f"The report can't be read: {fault}")

    def _delete(self, wanted: ReportFilter) -> int:
        names = [name for name, report in self._reports.items() if wanted.matches(report)]
        self._remove(names)
        return len(names)

    def _remove(self, names: Iterable[str]) -> None:
        for name in list(names):
            self._path(name).unlink(missing_ok=True)
            del self._reports[name]


def _described(number: str, moment_ms: int, fault: BaseException, request_line: str) -> ErrorReport:
    trace = traceback.extract_tb(fault.__traceback__)
    origin = trace[-1] if trace else None
    report = ErrorReport(
        node_name=CONTROLLER, error_time=moment_ms, filename=f"ErrorReport-{number}.log", module="CONTROLLER",
        version=__version__, peer=request_line, exception=type(fault).__name__, exception_message=str(fault),
        origin_file=Path(origin.filename).name if origin else "", origin_method=origin.name if origin else "",
        origin_line=origin.lineno if origin else None)
    return structs.replace(report, text=_text(number, report, fault))


def _text(number: str, report: ErrorReport, fault: BaseException) -> str:
    """Without bodies, headers and local variables: those may hold secrets."""
    head = {"Error report": number, "Application": "linstor-controller", "Module": report.module,
            "Version": report.version, "Host": socket.gethostname(), "Request": report.peer,
            "Error time (ms)": report.error_time, "Reported error": report.exception,
            "Message": report.exception_message}
    lines = [f"{name + ':':<20}{value}" for name, value in head.items() if value not in (None, "")]
    return "\n".join([*lines, "", "".join(traceback.format_exception(fault)), "END OF ERROR REPORT.", ""])
