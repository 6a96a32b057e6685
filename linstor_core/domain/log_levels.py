"""LINSTOR's names of log levels, and the numbers that Python's logging has for them."""

from __future__ import annotations

LEVELS = {"ERROR": 40, "WARN": 30, "INFO": 20, "DEBUG": 10, "TRACE": 5}
"""From the one that says least on."""

LIBRARIES, OURS = "", "linstor_core"
"""Names of the loggers whose levels are LINSTOR's `level` and `level_linstor`."""


def name_of(number: int) -> str:
    """The level that is in force with this number."""
    return next((name for name, limit in LEVELS.items() if number >= limit), "TRACE")
