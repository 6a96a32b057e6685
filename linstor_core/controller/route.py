"""One row of the REST table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from linstor_core.controller.call import Call, Read, Write


class NoBody(Struct, frozen=True):
    """The body of a call that has none; whatever is sent is ignored, as LINSTOR does."""


Service = Callable[[Any, Call[Any]], Awaitable[object]]
"""For the few calls that need more than the model: (the application's Services, call) -> JSON object or entries."""


class Route(Struct, frozen=True):
    """Exactly one of `read`, `write` and `service` is set.

    `path` is Flask's form (`/v1/nodes/<node>`). `mask` is the Operation and Subject that go into the return codes of
    its entries and errors. `success` is the status when no entry is an error. `answer` is the type of the JSON answer,
    for the OpenAPI document; a write answers a list of ApiCallRc unless `answer_of` makes something else of it.
    `media_types` is what it offers to callers who say what they accept; empty: whatever they like.
    `lenient` allows an empty body. `answer_of(call, entries)` turns the entries of a write into another document.
    """

    method: str
    path: str
    summary: str
    read: Read | None = None
    write: Write | None = None
    service: Service | None = None
    body: Any = NoBody
    answer: Any = None
    mask: int = 0
    success: int = 200
    lenient: bool = False
    media_types: tuple[str, ...] = ("application/json", "text/event-stream")
    answer_of: Callable[[Call[Any], list[Any]], object] | None = None
