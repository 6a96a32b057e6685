"""What all calls share: encode, send, decode, raise."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from linstor_core.client.errors import UnexpectedReply, api_call_error
from linstor_core.client.transport import Query, Reply, Transport, path_of
from linstor_core.wire.api_call_rc import ApiCallRc

T = TypeVar("T")
Entries = list[ApiCallRc]

_entries_decoder = msgspec.json.Decoder(Entries)


class Calls:
    """Every method raises ClientError; see `linstor_core.client.errors` for the cases."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def _get(self, kind: type[T], *segments: str | int, query: Query | None = None) -> T:
        return self._ask(kind, "GET", *segments, query=query)

    def _ask(self, kind: type[T], method: str, *segments: str | int, query: Query | None = None,
             body: object = None) -> T:
        """A call that answers a document."""
        return _decode(kind, self._document(method, segments, query, body))

    def _document(self, method: str, segments: tuple[str | int, ...], query: Query | None = None,
                  body: object = None) -> Reply:
        """What came, not decoded; a refusal is raised."""
        return _not_refused(self._send(method, segments, query, body))

    def _content(self, path: str) -> Reply:
        """A page that lies outside of /v1."""
        return _not_refused(self.transport.request("GET", path))

    def _page(self, kind: type[T], path: str) -> T:
        return _decode(kind, self._content(path))

    def _write(self, method: str, *segments: str | int, body: object = None, query: Query | None = None) -> Entries:
        """A call that answers entries; raises where one of them is an error."""
        reply = self._send(method, segments, query, body)
        entries = _entries(reply) if reply.content.strip() else []
        if reply.status >= 400 or any(entry.is_error for entry in entries):
            raise api_call_error(entries, reply.status)
        return entries

    def _send(self, method: str, segments: tuple[str | int, ...], query: Query | None, body: object) -> Reply:
        content = None if body is None else msgspec.json.encode(body)
        return self.transport.request(method, path_of(*segments, query=query), content)


def _not_refused(reply: Reply) -> Reply:
    if reply.status >= 400:
        raise api_call_error(_entries(reply), reply.status)
    return reply


def _decode(kind: type[T], reply: Reply) -> T:
    try:
        return msgspec.json.decode(reply.content, type=kind)
    except msgspec.DecodeError as error:
        raise UnexpectedReply(f"HTTP status {reply.status} with {_shown(reply)}: {error}") from error


def _entries(reply: Reply) -> Entries:
    try:
        return _entries_decoder.decode(reply.content)
    except msgspec.DecodeError as error:
        raise UnexpectedReply(f"HTTP status {reply.status} with {_shown(reply)}") from error


def _shown(reply: Reply) -> str:
    return repr(reply.content[:200].decode(errors="replace")) if reply.content else "no content"


def filters(**names: object) -> dict[str, Any]:
    """Query parameters; what is None or empty is left out, booleans are LINSTOR's True."""
    return {key: "True" if value is True else value for key, value in names.items() if value}
