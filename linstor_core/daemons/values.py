"""From a text in a file or on the command line to a value. Every function raises ValueError in words."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from linstor_core.domain.log_levels import LEVELS

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_LEVELS = {**{name.lower(): name for name in LEVELS}, "warning": "WARN", "critical": "ERROR"}
_LOGGER = re.compile(r"[A-Za-z_][\w.]*")
_QUOTES = ('"', "'")


def text(given: str) -> str:
    """As it stands, less one pair of quotes around it, which LINSTOR's files have."""
    given = given.strip()
    return given[1:-1] if len(given) >= 2 and given[0] in _QUOTES and given[0] == given[-1] else given


def boolean(given: str) -> bool:
    found = _BOOLEANS.get(text(given).lower())
    if found is None:
        raise ValueError(f"'{given}' is neither true nor false")
    return found


def port(given: str) -> int:
    number = text(given)
    if not number.isascii() or not number.isdigit() or not int(number) <= 65535:
        raise ValueError(f"'{given}' is no TCP port: a whole number from 0 (a free one) to 65535")
    return int(number)


def days(given: str) -> int:
    number = text(given)
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 3650:
        raise ValueError(f"'{given}' is no number of days from 1 to 3650")
    return int(number)


def whole_number(smallest: int, largest: int) -> Callable[[str], int]:
    def read(given: str) -> int:
        number = text(given)
        if not number.isascii() or not number.isdigit() or not smallest <= int(number) <= largest:
            raise ValueError(f"'{given}' is no whole number from {smallest} to {largest}")
        return int(number)

    return read


def host(given: str) -> str:
    """A name or an address; an IPv6 address may stand in brackets."""
    name = text(given).removeprefix("[").removesuffix("]")
    if not name or re.search(r"[\s/]", name):
        raise ValueError(f"'{given}' is no name or address of this machine")
    return name


def path(given: str) -> Path:
    name = text(given)
    if not name.startswith("/"):
        raise ValueError(f"'{given}' is no absolute path")
    return Path(name)


def sqlite_url(given: str) -> str:
    """The address of an SQLite file."""
    url = text(given)
    if url and (not url.startswith("sqlite:////") or len(url) == len("sqlite:////")):
        raise ValueError(f"'{given.partition(':')[0]}' is no database of this release: it keeps an SQLite file, "
                         "sqlite:////absolute/path")
    return url


def folders(given: str) -> tuple[str, ...]:
    """Absolute paths with commas between them; brackets and quotes around them do no harm."""
    listed = given.strip().removeprefix("[").removesuffix("]")
    return tuple(folder(text(part)) for part in listed.split(",") if part.strip())


def folder(given: str) -> str:
    """An absolute path without `.` and `..`."""
    if not given.startswith("/"):
        raise ValueError(f"'{given}' is no absolute path")
    return os.path.normpath("/" + given.lstrip("/"))


def level(given: str) -> str:
    """LINSTOR's name of a log level."""
    found = _LEVELS.get(text(given).lower())
    if found is None:
        raise ValueError(f"'{given}' is no log level: trace, debug, info, warning or error")
    return found


def levels(given: str) -> tuple[tuple[str, str], ...]:
    """Loggers with their levels: `linstor_core.controller=debug, websockets=error`."""
    pairs = [part.strip().partition("=") for part in text(given).split(",") if part.strip()]
    for logger, _, _ in pairs:
        if not _LOGGER.fullmatch(logger.strip()):
            raise ValueError(f"'{logger}' is no name of a logger; write for instance linstor_core.controller=debug")
    return tuple((logger.strip(), level(name)) for logger, _, name in pairs)


def folder_or_none(given: str) -> str:
    """A folder, or nothing at all."""
    name = text(given)
    return folder(name) if name else ""


def one_of(*words: str) -> _OneOf:
    """A reader of one of these words, in whatever case."""
    return _OneOf(words)


class _OneOf:
    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def __call__(self, given: str) -> str:
        if text(given).lower() not in self._words:
            raise ValueError(f"'{given}' is none of {', '.join(self._words)}")
        return text(given).lower()


def listen(given: str) -> tuple[str, int]:
    """ADDRESS:PORT of the command line."""
    address, _, number = given.rpartition(":")
    if not address:
        raise ValueError(f"ADDRESS:PORT is needed, not '{given}'")
    return host(address), port(number)
