"""Warnings that somebody outside can bring about: each is logged once, then every thousandth time."""

from __future__ import annotations

import logging

_REPEAT = 1000
_SUBJECTS = 256


class SeldomLog:
    """Counts by subject. Remembers the newest subjects only, so that nobody can fill the memory with them."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._counts: dict[str, int] = {}

    def warning(self, subject: str, message: str) -> None:
        """`subject` is what makes two warnings the same; it holds no port number or the like."""
        count = self._counts.pop(subject, 0)
        self._counts[subject] = count + 1
        if len(self._counts) > _SUBJECTS:
            del self._counts[next(iter(self._counts))]
        if count % _REPEAT == 0:
            self._log.warning("%s%s", message, f" ({count} times before)" if count else "")
