"""Who called what: LINSTOR's log of REST accesses, a file of its own."""

from __future__ import annotations

import logging
from logging.handlers import TimedRotatingFileHandler, WatchedFileHandler
from pathlib import Path

from msgspec import Struct

MODES = ("no_log", "append", "rotate_hourly", "rotate_daily")
KEPT = 48
"""Files that rotation leaves."""


class AccessLogChoice(Struct, frozen=True):
    """`mode` is one of MODES."""

    mode: str
    path: Path


class AccessLog:
    """One line a request, without its query, headers and body, which may hold secrets."""

    def __init__(self, path: Path, mode: str) -> None:
        """`mode` is one of MODES but the first. Raises OSError where the file can't be written."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: logging.Handler = WatchedFileHandler(path) if mode == "append" else TimedRotatingFileHandler(
            path, when="h" if mode == "rotate_hourly" else "midnight", backupCount=KEPT)
        self._file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def add(self, client: str, method: str, path: str, status: int, seconds: float) -> None:
        line = f"{client} {method} {path!r} {status} {seconds * 1000:.1f} ms"
        self._file.handle(logging.LogRecord(__name__, logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        self._file.close()
