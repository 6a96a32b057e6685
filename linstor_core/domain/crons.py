"""Crons of five fields: minute, hour, day of the month, month, day of the week."""

from __future__ import annotations

import re

from linstor_core.domain.errors import Code, InvalidInput

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
"""Name, lowest and highest value, and the words for values."""
_PART = re.compile(r"(?P<low>\*|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d{1,3}))?", re.ASCII)


def checked(text: str) -> str:
    """The cron with single spaces. Raises InvalidInput (240)."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise _invalid(text, f"It has {len(fields)} fields, a cron has five: minute, hour, day of the month, month, "
                             "day of the week.")
    for given, (name, lowest, highest, words) in zip(fields, _FIELDS, strict=True):
        for part in given.split(","):
            fault = _fault(part, lowest, highest, words)
            if fault:
                raise _invalid(text, f"'{part}' is no {name}: {fault}")
    return " ".join(fields)


def _fault(part: str, lowest: int, highest: int, words: dict[str, int]) -> str:
    """What is wrong with one part of a field; empty where nothing is."""
    found = _PART.fullmatch(part)
    if found is None or (found["low"] == "*" and found["high"] is not None):
        return "it is neither '*', a value, a range (1-5) nor one of them with a step (*/15)."
    if found["step"] is not None and int(found["step"]) == 0:
        return "a step is at least 1."
    if found["low"] == "*":
        return ""
    low = _value(found["low"], words)
    high = low if found["high"] is None else _value(found["high"], words)
    if low is None or high is None or low < lowest or high > highest:
        return f"values go from {lowest} to {highest}."
    return "the range runs backwards." if low > high else ""


def _value(text: str, words: dict[str, int]) -> int | None:
    return int(text) if text.isdigit() else words.get(text.upper())


def _invalid(text: str, cause: str) -> InvalidInput:
    return InvalidInput(f"'{text}' is no cron.", Code.INVLD_TIME_PARAM, cause=cause,
                        correction="For instance '0 3 * * SUN': every Sunday at three.")
