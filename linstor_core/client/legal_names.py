"""Names for what platforms call differently: they allow blanks, dots, slashes, any length and any script.

Pure, so that every node, and every repetition of a call, comes to the same name. A name that LINSTOR takes stays as it
is. LINSTOR compares without regard to case: names that differ in nothing else are one.
"""

from __future__ import annotations

import hashlib
import re

from linstor_core.domain import names
from linstor_core.domain.errors import InvalidInput

_LONGEST = 48
_DIGEST_LENGTH = 10


def volume_name(text: str) -> str:
    """`text`, or a legal name that only this text has: what is legal of it, then a digest."""
    try:
        return names.resource_name(text)
    except InvalidInput:
        return _digested(text, "vol")


def snapshot_name(text: str) -> str:
    """As `volume_name`, for a snapshot."""
    try:
        return names.snapshot_name(text)
    except InvalidInput:
        return _digested(text, "snap")


def _digested(text: str, start: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    kept = re.sub(r"[^A-Za-z0-9_-]+", "_", text, flags=re.ASCII)
    kept = kept if re.match(r"[A-Za-z_]", kept) else f"{start}_{kept}"
    name = f"{kept[:_LONGEST - _DIGEST_LENGTH - 1]}-{digest}"
    # A name needs a letter, and now and then the digest has none either.
    return name if re.search(r"[A-Za-z]", name) else f"{start}_{name}"
