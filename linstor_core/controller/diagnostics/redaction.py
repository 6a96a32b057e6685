"""Takes the secrets out of what leaves the controller for a support case."""

from __future__ import annotations

import re
from typing import Any

from msgspec import to_builtins

from linstor_core.domain.auth_tokens import AuthToken
from linstor_core.domain.certificates import Authority, Invitation
from linstor_core.domain.cluster import KINDS, Document
from linstor_core.domain.encryption import MasterKey

MASK = "(removed)"
NEVER = frozenset(KINDS[cls].name for cls in (MasterKey, AuthToken, Authority, Invitation))
"""Kinds of documents that are left out altogether."""
FOREIGN = frozenset({"key_value_store"})
"""Kinds whose values are other programs' business: their keys stay, none of their values."""
_FOREIGN_FIELDS = frozenset({("external_file", "content")})
_TELLING = re.compile(
    r"secret|passw|passphrase|token|credential|psk|crypt.*key|(?:access|private|api|secret|master|shared|signing)[-_]?key"
    r"|key_?file|keystore", re.IGNORECASE)
_LOGIN = re.compile(r"(://)[^/@\s:]*(?::[^/@\s]*)?@")


def redacted(kind: str, document: Document) -> dict[str, Any]:
    """A document as plain data without secrets."""
    plain: dict[str, Any] = to_builtins(document)
    if kind in FOREIGN:
        return {name: _masked(value) if isinstance(value, dict) else value for name, value in plain.items()}
    plain = {name: MASK if (kind, name) in _FOREIGN_FIELDS else value for name, value in plain.items()}
    cleaned: dict[str, Any] = _clean(plain)
    return cleaned


def without_logins(text: str) -> str:
    """A text whose URLs hold no user and password."""
    return _LOGIN.sub(rf"\1{MASK}@", text)


def _masked(values: dict[str, Any]) -> dict[str, str]:
    return dict.fromkeys(values, MASK)


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: MASK if _TELLING.search(str(name)) and held not in ("", None) and not isinstance(held, bool | int)
                else _clean(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return without_logins(value) if isinstance(value, str) else value
