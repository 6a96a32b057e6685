"""Decodes what callers send as leniently, and refuses it as, LINSTOR does."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from linstor_core.domain.errors import Code, InvalidInput

_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")


def decode(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    """What follows a whole JSON value is ignored. Raises msgspec.DecodeError, or InvalidInput (998) for a null."""
    if data.strip() == b"null":
        raise InvalidInput("The body is null.", Code.UNKNOWN_ERROR, bare=True,
                           details="This call expects a JSON object.", correction="Send at least {}.")
    try:
        return _decode(decoder, data)
    except msgspec.DecodeError as fault:
        found = _TRAILING.search(str(fault))
        if found is None:
            raise
        return _decode(decoder, data[:int(found[1]) - 1])


def _decode(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except UnicodeDecodeError as fault:
        raise msgspec.DecodeError(f"A string is not UTF-8: {fault.reason}") from fault
    except RecursionError as fault:
        raise msgspec.DecodeError("The objects and lists are nested too deeply") from fault
