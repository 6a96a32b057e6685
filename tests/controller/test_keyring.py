"""The master key: only the right passphrase opens it, and nothing shows it."""

from __future__ import annotations

import pytest

from linstor_core.controller.keyring import Keyring, unwrap, wrap
from linstor_core.domain.errors import InvalidInput


def test_a_new_keyring_opens_what_another_created() -> None:
    first, second = Keyring(), Keyring()
    stored = first.create("correct horse")
    assert first.is_unlocked
    second.unlock(stored, "correct horse")
    assert second.is_unlocked


def test_a_wrong_passphrase_is_refused_and_leaves_the_keyring_locked() -> None:
    stored = Keyring().create("correct horse")
    locked = Keyring()
    with pytest.raises(InvalidInput, match="not the one"):
        locked.unlock(stored, "battery staple")
    assert not locked.is_unlocked


def test_a_changed_passphrase_wraps_the_same_key() -> None:
    key = b"k" * 32
    old = wrap(key, "old")
    new = wrap(unwrap(old, "old"), "new")
    assert unwrap(new, "new") == key
    with pytest.raises(InvalidInput):
        unwrap(new, "old")


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(InvalidInput, match="empty"):
        wrap(b"k" * 32, "")


def test_the_key_is_not_in_what_is_printed() -> None:
    keyring = Keyring()
    keyring.create("correct horse")
    assert repr(keyring) == "Keyring(unlocked)"
