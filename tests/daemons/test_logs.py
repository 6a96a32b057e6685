"""Where logs go: bounded files, the journal, what no level brings out."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

from linstor_core.daemons import logs


def _record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("linstor_core.x", level, "", 0, text, None, None)


def test_a_log_file_is_bounded_whatever_is_logged(tmp_path: Path) -> None:
    log = tmp_path / "linstor.log"
    log.write_text("from before\n")
    bounded = logs.bounded_file(log)
    line = "x" * 100_000
    for number in range(2 * (logs.OLD_FILES + 1) * logs.FILE_BYTES // len(line)):
        bounded.handle(_record(f"{number} {line}"))
    bounded.handle(_record("the last one"))
    bounded.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == logs.OLD_FILES + 1
    assert all(file.stat().st_size <= logs.FILE_BYTES for file in files)
    assert log.read_text().endswith("INFO linstor_core.x: the last one\n")


def test_every_line_for_the_journal_has_its_priority() -> None:
    form = logs.JournalFormatter()
    levels = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7, 5: 7}
    for level, priority in levels.items():
        assert form.format(_record("one\ntwo", level)) == f"<{priority}>linstor_core.x: one\n<{priority}>two"


def test_the_journal_is_known_by_device_and_inode(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        found = os.fstat(stream.fileno())
        assert logs.is_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        for other in ("", "x", f"{found.st_dev}:1", f"{found.st_dev}:{found.st_ino}:"):
            assert not logs.is_journal(stream, {"JOURNAL_STREAM": other})
        assert not logs.is_journal(stream, {})
    assert not logs.is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:1"})
