"""A decoded REST call, as operations and queries see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

from linstor_core.controller.change import Change, Context
from linstor_core.domain.cluster import Cluster
from linstor_core.wire.api_call_rc import ApiCallRc, entry, ret_code

B = TypeVar("B")


class Call(Struct, Generic[B], frozen=True):
    """`path` holds the names in the URL, `query` its parameters (keys lower-case, repeated ones in order)."""

    body: B
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, list[str]] = field(default_factory=dict)
    mask: int = 0
    """Operation and subject bits of the route, for the entries of the answer."""

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean parameter: `?x=true`, `?x=True` and a bare `?x` are true."""
        values = self.query.get(name.lower())
        return default if not values else values[-1].lower() in ("true", "1", "yes", "")

    def values(self, name: str) -> list[str]:
        return self.query.get(name.lower(), [])

    def rc(self, severity: int, code: int, message: str, *, mask: int | None = None, cause: str = "", details: str = "",
           correction: str = "", refs: dict[str, str] | None = None) -> ApiCallRc:
        """An entry with this call's operation and subject, or those of `mask`."""
        return entry(severity, code, self.mask if mask is None else mask, message, cause=cause, details=details,
                     correction=correction, obj_refs=refs)

    def ret_code(self, severity: int, code: int) -> int:
        return ret_code(severity, code, self.mask)


Write = Callable[[Cluster, Context, Call[Any]], Change]
"""An operation behind a route: pure; raises LinstorError to refuse."""

Read = Callable[[Cluster, Call[Any]], object]
"""A query behind a route: gives what is encoded as JSON, or `Encoded` when it has the bytes already."""


class Encoded(Struct, frozen=True):
    """A JSON body in ready pieces, so that a long list never holds up the loop."""

    chunks: Iterator[bytes]


class Content(Struct, frozen=True):
    """An answer that is no JSON."""

    body: bytes | Iterator[bytes]
    media_type: str
    status: int = 200
    file_name: str = ""
    """What a browser should call it when it is to be saved."""
