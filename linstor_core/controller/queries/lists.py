"""What all lists share: filters, paging, and encoding in pieces.

Filters are repeated query parameters whose values are compared without regard to case. A filter that matches nothing
gives an empty list. `limit` 0 or below means all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from operator import is_
from typing import Any, TypeVar

import msgspec

from linstor_core.controller.call import Call, Encoded
from linstor_core.domain.cluster import key_of
from linstor_core.domain.errors import Code, InvalidInput

T = TypeVar("T")

CHUNK = 200
"""Objects encoded at a time, so that a long list never holds up the loop."""

_encoder = msgspec.json.Encoder()


def wanted(call: Call[Any], name: str) -> frozenset[str] | None:
    """The keys (upper-case names) that the filter `name` asks for; None where it was not given."""
    values = call.values(name)
    return frozenset(map(key_of, values)) if values else None


def passes(wanted_keys: Collection[str] | None, key: str) -> bool:
    return wanted_keys is None or key in wanted_keys


def props_filter(call: Call[Any]) -> Callable[[Mapping[str, str]], bool] | None:
    """A test on an object's own properties from `props=key` and `props=key=value`, all of which have to hold."""
    asked = [(key.lower(), value.lower() if equals else None)
             for key, equals, value in (text.partition("=") for text in call.values("props"))]
    if not asked:
        return None

    def matches(props: Mapping[str, str]) -> bool:
        folded = {key.lower(): value.lower() for key, value in props.items()}
        return all(key in folded and (value is None or folded[key] == value) for key, value in asked)

    return matches


def _number(call: Call[Any], name: str) -> int:
    values = call.values(name)
    try:
        return int(values[-1]) if values else 0
    except ValueError:
        raise InvalidInput(f"'{values[-1]}' is no number for {name}.", Code.UNKNOWN_ERROR, bare=True,
                           correction=f"Give {name} as a whole number.") from None


def page(call: Call[Any], items: Iterable[T]) -> Iterator[T]:
    """The part of `items` that `offset` and `limit` name. Raises InvalidInput at once for what is no number.

    Without a limit an offset means nothing, as in LINSTOR. A far page of a tuple costs no more than the first.
    """
    offset, limit = max(0, _number(call, "offset")), _number(call, "limit")
    if limit > 0 and isinstance(items, tuple):
        return iter(items[offset:offset + limit])
    return islice(items, min(offset, sys.maxsize), min(offset + limit, sys.maxsize)) if limit > 0 else iter(items)


def encoded(objects: Iterable[bytes]) -> Encoded:
    """A JSON list of objects that are encoded already."""
    return Encoded(_pieces(iter(objects)))


def _pieces(objects: Iterator[bytes]) -> Iterator[bytes]:
    separator = b"["
    while batch := list(islice(objects, CHUNK)):
        yield separator + b",".join(batch)
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


class Memo:
    """Encoded objects of a heavy view, kept until one of the documents that they were made of is another one.

    Documents never change, so comparing identities decides. At most `limit` objects are kept.
    """

    def __init__(self, build: Callable[..., object], limit: int = 200_000) -> None:
        self._build = build
        self._limit = limit
        self._kept: dict[Any, tuple[tuple[Any, ...], bytes]] = {}

    def get(self, key: Any, *inputs: Any) -> bytes:
        """`build(*inputs)` as JSON; `key` tells apart the objects of the view."""
        found = self._kept.get(key)
        if found is not None and len(found[0]) == len(inputs) and all(map(is_, found[0], inputs)):
            return found[1]
        body = _encoder.encode(self._build(*inputs))
        if len(self._kept) >= self._limit:
            self._kept.clear()
        self._kept[key] = (inputs, body)
        return body
