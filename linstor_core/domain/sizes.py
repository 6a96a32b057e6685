"""Sizes as people write them. Inside the product a size is a whole number of KiB."""

from __future__ import annotations

import re

UNITS: dict[str, int] = {
    "": 1 << 30, "B": 1, "S": 512,
    "K": 1 << 10, "KIB": 1 << 10, "KB": 10**3,
    "M": 1 << 20, "MIB": 1 << 20, "MB": 10**6,
    "G": 1 << 30, "GIB": 1 << 30, "GB": 10**9,
    "T": 1 << 40, "TIB": 1 << 40, "TB": 10**12,
    "P": 1 << 50, "PIB": 1 << 50, "PB": 10**15,
}
"""Bytes in a unit, by its upper-case name; a bare number counts GiB, as LINSTOR's client has it."""

_SIZE = re.compile(r"(\d+)\s*([A-Za-z]*)", re.ASCII)
_MAX_KIB = (1 << 63) - 1
_DISPLAY = ("KiB", "MiB", "GiB", "TiB", "PiB")


def parse_kib(text: str) -> int:
    """`10G`, `512 MiB`, `20` … in KiB, rounded up. Raises ValueError for anything else, and for a size of 0."""
    size_kib = -(-parse_bytes(text) // 1024)
    if not 0 < size_kib <= _MAX_KIB:
        raise ValueError(f"'{text}' is not a possible size")
    return size_kib


def parse_bytes(text: str) -> int:
    """The same in bytes, where 0 is a size. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text}' is not a size: give a whole number and a unit, for instance 10G")
    factor = UNITS.get(found.group(2).upper())
    if factor is None:
        raise ValueError(f"'{found.group(2)}' is not a unit of size: take K, M, G, T or P, or KB, MB …")
    return int(found.group(1)) * factor


def format_kib(size_kib: int) -> str:
    """For people: the largest unit of which there is at least one, with two decimals where it does not divide."""
    unit = 0
    while unit + 1 < len(_DISPLAY) and size_kib >= 1 << 10 * (unit + 1):
        unit += 1
    whole, rest = divmod(size_kib, 1 << 10 * unit)
    return f"{whole} {_DISPLAY[unit]}" if not rest else f"{size_kib / (1 << 10 * unit):.2f} {_DISPLAY[unit]}"
