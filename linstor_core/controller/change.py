"""What an operation answers: a value that says what becomes of the model and how the caller is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from linstor_core.domain.cluster import Cluster, Document, Key
from linstor_core.wire.api_call_rc import ApiCallRc

Outcome = Callable[[Cluster], tuple[ApiCallRc, ...] | None]
"""Reads the published cluster: None while the work goes on, else the entries that end the answer."""


class Context(Protocol):
    """What an operation may not fetch by itself: clock and randomness."""

    def now_ms(self) -> int: ...

    def new_uuid(self) -> str: ...

    def new_secret(self) -> str: ...


class Change(Struct, frozen=True):
    """`puts` and `deletes` are committed together or not at all.

    `answers` go out in any case once that is done. With `outcome` the caller is kept waiting until it speaks; it is
    asked again whenever something about the definitions or nodes in `watch` (upper-case keys) is reported.
    """

    puts: tuple[Document, ...] = ()
    deletes: tuple[tuple[type, Key], ...] = ()
    answers: tuple[ApiCallRc, ...] = ()
    outcome: Outcome | None = None
    watch: tuple[str, ...] = ()
    wait_s: float | None = None
    """How long the caller waits for `outcome` at most; None for the controller's own limit."""


Operation = Callable[[Cluster, Context], Change]
"""A pure function; a refusal is a raised `LinstorError`, which changes nothing."""


class Door(Protocol):
    """The controller as a call sees it that does more than one pure operation: what is published, and the way in."""

    @property
    def cluster(self) -> Cluster: ...

    @property
    def apply(self) -> Callable[[Operation], Awaitable[list[ApiCallRc]]]: ...
