"""Names of platforms become names of LINSTOR: always the same one, and each its own."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from linstor_core.client.legal_names import snapshot_name, volume_name
from linstor_core.domain import names


def test_what_is_legal_stays() -> None:
    assert [volume_name(name) for name in ("vm-100-disk-0", "cs_Abc", "x1")] == ["vm-100-disk-0", "cs_Abc", "x1"]


def test_what_is_recognizable_stays() -> None:
    assert volume_name("my disk.qcow2").startswith("my_disk_qcow2-")
    assert volume_name("9lives").startswith("vol_9lives-")
    assert snapshot_name("2026-11-23 daily").startswith("snap_2026-11-23_daily-")


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_has_a_legal_name_of_its_own(one: str, other: str) -> None:
    assert names.resource_name(volume_name(one)) == volume_name(one)
    assert names.snapshot_name(snapshot_name(one)) == snapshot_name(one)
    if one.upper() != other.upper():
        assert volume_name(one).upper() != volume_name(other).upper()


def test_a_digest_without_a_letter_makes_a_name_all_the_same() -> None:
    text = "\N{CJK UNIFIED IDEOGRAPH-4FB0}"
    assert hashlib.sha256(text.encode()).hexdigest()[:10].isdigit()
    assert names.resource_name(volume_name(text)) == "vol__-8632434338"


def test_names_that_differ_in_what_is_not_legal_differ() -> None:
    made = {volume_name(name) for name in ("a b", "a.b", "a/b", "a_b", "ä", "ö", "x" * 60, "x" * 61)}
    assert len(made) == 8
