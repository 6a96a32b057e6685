"""The log levels of this process, by LINSTOR's names."""

from __future__ import annotations

import logging

from linstor_core.domain.log_levels import LEVELS, LIBRARIES, OURS, name_of


def in_force() -> dict[str, str]:
    """By the logger's name."""
    return {logger: name_of(logging.getLogger(logger).getEffectiveLevel()) for logger in (LIBRARIES, OURS)}


def set_levels(levels: dict[str, str]) -> dict[str, str]:
    """Set the levels that are known, and tell all that are in force then."""
    for logger, name in levels.items():
        if logger in (LIBRARIES, OURS) and name in LEVELS:
            logging.getLogger(logger).setLevel(LEVELS[name])
    return in_force()
