"""How stored documents of earlier releases become today's.

Each kind of document has a version. When a Struct changes so that old rows no longer decode to the same meaning, raise
its version here, add the function that turns the raw object of the version before into the next one, and keep a golden
file of the old form in tests/migrations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from linstor_core.domain.cluster import KINDS, Document
from linstor_core.domain.errors import Code, DatabaseNewer, DatabaseUnavailable

SCHEMA = 1
"""The layout of the tables; a database with a higher number is refused."""

VERSIONS: dict[str, int] = {kind.name: 1 for kind in KINDS.values() if kind.persistent}

UPGRADES: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""(kind, version) -> what turns a raw object of that version into the next version's."""

_CLASSES: dict[str, type] = {kind.name: cls for cls, kind in KINDS.items() if kind.persistent}
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(cls) for name, cls in _CLASSES.items()}


def decode(kind: str, version: int, body: bytes) -> Document:
    """Raises DatabaseUnavailable for a document that this release cannot read, DatabaseNewer where a newer one can."""
    if kind not in VERSIONS or version > VERSIONS[kind]:
        raise DatabaseNewer(f"The database holds a document of kind {kind!r}, version {version}, which this "
                            "release does not know.", Code.SQL, correction="Start the release that wrote it, or "
                            "restore the copy of the database that was made before the upgrade.")
    try:
        if version == VERSIONS[kind]:
            document: Document = _DECODERS[kind].decode(body)
            return document
        raw = msgspec.json.decode(body)
        for step in range(version, VERSIONS[kind]):
            raw = UPGRADES[kind, step](raw)
        upgraded: Document = msgspec.convert(raw, _CLASSES[kind])
        return upgraded
    except msgspec.DecodeError as fault:
        raise DatabaseUnavailable(f"A stored document of kind {kind!r} is damaged.", Code.SQL, cause=str(fault),
                                  correction="Restore the database from a backup.") from fault
