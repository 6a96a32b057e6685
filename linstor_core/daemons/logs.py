"""Where a daemon's log goes, and how much it says."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from linstor_core.domain.log_levels import LEVELS, LIBRARIES, OURS

JOURNAL_STREAM = "JOURNAL_STREAM"
_QUIETER = {"websockets": logging.INFO, "urllib3": logging.INFO, "uvicorn": logging.INFO,
            "sqlalchemy": logging.WARNING}
"""Below these levels, libraries log what goes over their sockets, secrets included, or every statement."""
_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FILE_BYTES, OLD_FILES = 8 << 20, 3
"""How large a log file gets, and how many older ones stay beside it."""
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""syslog's; everything below is 7."""


class JournalFormatter(logging.Formatter):
    """For systemd, which knows the time itself: every line starts with its priority."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines() or [""])


def start(stream: TextIO, environment: Mapping[str, str]) -> None:
    """Send the log to a stream, in the journal's form where that is what reads it."""
    to_stream = logging.StreamHandler(stream)
    to_stream.setFormatter(JournalFormatter() if is_journal(stream, environment) else logging.Formatter(_FORM))
    _send_to(to_stream)


def start_in_file(path: Path) -> None:
    """Send the log to a file of bounded size. Raises OSError."""
    _send_to(bounded_file(path))


def bounded_file(path: Path) -> logging.Handler:
    """Appends; a file that gets too large becomes PATH.1, that one PATH.2, and the oldest goes."""
    made = RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=OLD_FILES)
    made.setFormatter(logging.Formatter(_FORM))
    return made


def _send_to(place: logging.Handler) -> None:
    root = logging.getLogger()
    for before in [old for old in root.handlers if type(old) in (logging.StreamHandler, RotatingFileHandler)]:
        root.removeHandler(before)
    root.addHandler(place)
    for name, floor in _QUIETER.items():
        logging.getLogger(name).setLevel(floor)


def is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether the stream is the one that systemd says leads to the journal."""
    device, _, inode = environment.get(JOURNAL_STREAM, "").partition(":")
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


def set_levels(libraries: str, ours: str, single: Iterable[tuple[str, str]] = ()) -> None:
    """LINSTOR's names of levels: of everything, of what is ours, and of single loggers."""
    root = logging.getLogger(LIBRARIES)
    root.setLevel(LEVELS[libraries])
    logging.getLogger(OURS).setLevel(LEVELS[ours])
    for name, level in single:
        logging.getLogger(name).setLevel(max(LEVELS[level], _QUIETER.get(name.split(".")[0], 0)))

