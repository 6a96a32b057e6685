"""LINSTOR's size grammar: what people write becomes KiB, never less than they wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linstor_core.domain.sizes import UNITS, format_kib, parse_kib


@pytest.mark.parametrize(("text", "size_kib"), [
    ("1", 1 << 20), ("20G", 20 << 20), ("20 GiB", 20 << 20), ("512M", 512 << 10), ("512mib", 512 << 10), ("4k", 4),
    ("4KiB", 4), ("1kB", 1), ("100MB", 97657), ("1B", 1), ("1025B", 2), ("3S", 2), ("1T", 1 << 30), ("1P", 1 << 40),
    (" 7 K ", 7),
])
def test_parse(text, size_kib):
    assert parse_kib(text) == size_kib


@pytest.mark.parametrize("text", ["", "G", "-1G", "1.5G", "1GG", "1X", "ten", "0", "0K", "1 G x", "9" * 30, "\u0661G"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match=r"'.*'"):
        parse_kib(text)


@given(st.integers(1, 10**6), st.sampled_from(sorted(UNITS)))
def test_rounding_up_loses_less_than_a_kib(number, unit):
    excess = parse_kib(f"{number}{unit}") * 1024 - number * UNITS[unit]
    assert 0 <= excess < 1024


@pytest.mark.parametrize(("size_kib", "text"), [
    (0, "0 KiB"), (1023, "1023 KiB"), (1024, "1 MiB"), (20480, "20 MiB"), (69580, "67.95 MiB"), (1 << 20, "1 GiB"),
    (72518312, "69.16 GiB"), (1 << 40, "1 PiB"), (5 << 50, "5120 PiB"),
])
def test_format(size_kib, text):
    assert format_kib(size_kib) == text
