"""External files: files of other programs that belong to resources."""

from __future__ import annotations

from linstor_core.wire.rest_bodies import Body
from linstor_core.wire.rest_v1 import Document


class ExternalFile(Document, frozen=True):
    """`content` is base64; lists leave it out unless the query says `content=true`."""

    path: str = ""
    content: str | None = None


class ExternalFileBody(Body, frozen=True):
    """`path` may be left out: the one in the URL counts, and the two may not differ."""

    path: str | None = None
    content: str = ""


class ExternalFileCheck(Document, frozen=True):
    """Whether a node's satellite would write the file."""

    allowed: bool


class ExternalFileStatus(Document, frozen=True):
    """How the file is on a node. `wanted`: a resource there has it."""

    allowed: bool
    wanted: bool
    deployed: bool
    message: str = ""
