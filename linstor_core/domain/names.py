"""What may be a name. Names are case-insensitive: they keep their case for display, `cluster.key_of` compares them."""

from __future__ import annotations

import re
from collections.abc import Callable

from linstor_core.domain.errors import Code, InvalidInput

_ALLOWED = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_LETTER = re.compile(r"[A-Za-z]", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", re.ASCII)
_RESERVED_RESOURCE_NAMES = frozenset({"ALL", "PROXY"})
_NODE_NAME_MAX = 255
_LABEL_MAX = 63


def _check(name: str | None, kind: str, shortest: int, longest: int, code: Code) -> str:
    text = name or ""
    if not shortest <= len(text) <= longest:
        cause = f"It has {len(text)} characters, a {kind} name has {shortest} to {longest}."
    elif not _ALLOWED.fullmatch(text):
        cause = "It starts with a letter or '_', then letters, digits, '_' and '-' may follow."
    elif not _LETTER.search(text):
        cause = "It needs at least one letter."
    else:
        return text
    raise InvalidInput(f"'{text}' cannot be the name of a {kind}.", code, cause=cause)


def resource_name(name: str | None) -> str:
    """The name of a resource definition, unchanged. Raises InvalidInput (202)."""
    text = _check(name, "resource", 2, 48, Code.INVLD_RSC_NAME)
    if text.upper() in _RESERVED_RESOURCE_NAMES:
        raise InvalidInput(f"'{text}' cannot be the name of a resource.", Code.INVLD_RSC_NAME,
                           cause="The name is reserved.")
    return text


def resource_group_name(name: str | None) -> str:
    """Raises InvalidInput (237)."""
    return _check(name, "resource group", 2, 48, Code.INVLD_RSC_GRP_NAME)


def snapshot_name(name: str | None) -> str:
    """Raises InvalidInput (218)."""
    return _check(name, "snapshot", 2, 48, Code.INVLD_SNAPSHOT_NAME)


def key_value_store_name(name: str | None) -> str:
    """Raises InvalidInput (223)."""
    return _check(name, "key-value store", 2, 48, Code.INVLD_KVS_NAME)


def remote_name(name: str | None) -> str:
    """Raises InvalidInput (239)."""
    return _check(name, "remote", 2, 48, Code.INVLD_REMOTE_NAME)


def schedule_name(name: str | None) -> str:
    """Raises InvalidInput (241)."""
    return _check(name, "schedule", 2, 48, Code.INVLD_SCHEDULE_NAME)


def storage_pool_name(name: str | None) -> str:
    """Raises InvalidInput (208)."""
    return _check(name, "storage pool", 3, 48, Code.INVLD_STOR_POOL_NAME)


def net_interface_name(name: str | None) -> str:
    """Raises InvalidInput (209)."""
    return _check(name, "network interface", 3, 32, Code.INVLD_NET_NAME)


def node_name(name: str | None) -> str:
    """A host name as RFC 1123 has it, of 2 to 255 characters. Raises InvalidInput (200)."""
    text = name or ""
    labels = text.split(".")
    if not 2 <= len(text) <= _NODE_NAME_MAX:
        cause = f"It has {len(text)} characters, a node name has 2 to {_NODE_NAME_MAX}."
    elif not all(_LABEL.fullmatch(label) for label in labels):
        cause = "Each part between dots has letters, digits and '-', and neither starts nor ends with '-'."
    elif max(map(len, labels)) > _LABEL_MAX:
        cause = f"A part between dots has more than {_LABEL_MAX} characters."
    else:
        return text
    raise InvalidInput(f"'{text}' cannot be the name of a node.", Code.INVLD_NODE_NAME, cause=cause)


def _legal(byte: int) -> str:
    """A byte as a character of a name. Those beyond ASCII count as negative numbers, as they do in Java."""
    if byte >= 0x80:
        return chr(ord("A") + (0x100 - byte) % 26)
    return chr(byte) if re.fullmatch(r"[A-Za-z0-9_-]", chr(byte), re.ASCII) else "_"


def generated_resource_name(external_name: str, taken: Callable[[str], bool]) -> str:
    """A legal resource name for any string that another system calls the resource by, not `taken` yet.

    What is legal of the string is kept, so that an administrator recognizes it; every other byte of its UTF-8 form
    becomes a letter or '_', the same ones that LINSTOR takes.
    """
    kept = "".join(map(_legal, external_name.encode()))[:40].lstrip("-")
    stem = kept if _LETTER.match(kept) else f"LS_{kept}"
    stem = stem if len(stem) >= 2 and stem.upper() not in _RESERVED_RESOURCE_NAMES else f"LS_{stem}"
    candidate, number = stem, 0
    while taken(candidate):
        number += 1
        candidate = f"{stem}_{number}"
    return candidate
