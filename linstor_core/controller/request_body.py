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
        return decoder.decode(data)
    except msgspec.DecodeError as fault:
        found = _TRAILING.search(str(fault))
        if found is None:
            raise
        return decoder.decode(data[:int(found[1]) - 1])
