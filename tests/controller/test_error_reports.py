"""The store of error reports, on a real folder."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

from linstor_core.controller.diagnostics.error_reports import ErrorReports, ReportFilter, report_id
from linstor_core.wire.rest_v1 import ErrorReport


class Clock:
    now_ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms


def fault(text: str = "boom") -> ValueError:
    secret = "hunter2"
    try:
        raise ValueError(text) if secret else KeyError
    except ValueError as found:
        return found


def all_of(reports: ErrorReports, wanted: ReportFilter | None = None, **how: int) -> list[ErrorReport]:
    return asyncio.run(reports.find(wanted or ReportFilter(), **how))


def test_a_report_tells_where_and_why_and_no_values(tmp_path: Path) -> None:
    reports = ErrorReports(tmp_path / "reports", Clock())
    number = reports.record(fault(), "GET /v1/nodes?limit=1")
    assert number == "6B49D200-00000-000000"
    (report,) = all_of(reports, with_content=True)
    assert report.filename == f"ErrorReport-{number}.log" and report.exception == "ValueError"
    assert "boom" in report.text and "in fault" in report.text and "GET /v1/nodes?limit=1" in report.text
    assert "hunter2" not in report.text
    assert report.origin_file == "test_error_reports.py" and report.origin_method == "fault"
    (file,) = (tmp_path / "reports").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert all_of(reports)[0].text == ""
    reports.close()


def test_reports_survive_a_restart_and_a_damaged_file(tmp_path: Path) -> None:
    clock = Clock()
    first = ErrorReports(tmp_path, clock)
    number = first.record(fault(), "")
    first.close()
    (tmp_path / "ErrorReport-x.json").write_text("{")
    clock.now_ms += 5000
    second = ErrorReports(tmp_path, clock)
    later = second.record(fault(), "")
    assert [report_id(report) for report in all_of(second)] == [later, number]
    second.close()


def test_filters_and_pages(tmp_path: Path) -> None:
    clock = Clock()
    reports = ErrorReports(tmp_path, clock)
    start = clock.now_ms
    numbers = []
    for _ in range(5):
        numbers.append(reports.record(fault(), ""))
        clock.now_ms += 10
    newest = numbers[::-1]
    for wanted, expected in (
            (ReportFilter(), newest), (ReportFilter(since_ms=start + 30), newest[:2]),
            (ReportFilter(to_ms=start), newest[4:]), (ReportFilter(nodes=("controller",)), newest),
            (ReportFilter(nodes=("nope",)), []), (ReportFilter(exception="KeyError"), []),
            (ReportFilter(ids=(numbers[2].lower(),)), [numbers[2]]), (ReportFilter(ids=(numbers[2][:8],)), []),
            (ReportFilter(ids=(numbers[2][:8],), prefixes=True), newest)):
        assert [report_id(report) for report in all_of(reports, wanted)] == expected, wanted
    assert [report_id(report) for report in all_of(reports, limit=2, offset=1)] == newest[1:3]
    assert asyncio.run(reports.delete(ReportFilter(ids=(numbers[0],)))) == 1
    assert asyncio.run(reports.delete(ReportFilter(ids=(numbers[0],)))) == 0
    assert reports.count == 4 and len(list(tmp_path.iterdir())) == 4
    reports.close()


def test_old_and_surplus_reports_go(tmp_path: Path) -> None:
    clock = Clock()
    reports = ErrorReports(tmp_path, clock)
    reports.KEEP = 3
    numbers = [reports.record(fault(), "") for _ in range(5)]
    assert {report_id(report) for report in all_of(reports)} == set(numbers[2:])
    clock.now_ms += ErrorReports.KEEP_MS + 1
    last = reports.record(fault(), "")
    assert [report_id(report) for report in all_of(reports)] == [last]
    reports.close()


def test_a_storm_of_errors_is_cut_and_a_full_disk_hurts_nobody(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    reports = ErrorReports(blocked, Clock())
    assert reports.record(fault(), "")
    assert all_of(reports) == []
    reports.PENDING = 0
    assert reports.record(fault(), "") == ""
    reports.close()
