"""Asking again: after a lost answer, while other work is under way, until something has come about."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from linstor_core.client.errors import HungUp, StateConflict
from linstor_core.domain.errors import Code

P = ParamSpec("P")
T = TypeVar("T")
TRIES = 4
"""How often a verb is begun whose answer gets lost: as many controllers may go away meanwhile, less one."""


class Waiting:
    """A time that runs."""

    def __init__(self, patience: Patience, timeout_s: float) -> None:
        self._patience = patience
        self._end = patience.clock() + timeout_s

    def more(self) -> bool:
        """Wait a little; False once the time is over."""
        if self._patience.clock() > self._end:
            return False
        self._patience.sleep(self._patience.poll_s)
        return True


class Patience:
    def __init__(self, sleep: Callable[[float], None], clock: Callable[[], float], poll_s: float) -> None:
        self.sleep = sleep
        self.clock = clock
        self.poll_s = poll_s

    def waiting(self, timeout_s: float) -> Waiting:
        return Waiting(self, timeout_s)

    def while_busy(self, call: Callable[[], T], timeout_s: float) -> T:
        """Make a call again that is refused because other work on the same object is not complete."""
        waiting = Waiting(self, timeout_s)
        while True:
            try:
                return call()
            except StateConflict as conflict:
                if not conflict.is_about(Code.BUSY) or not waiting.more():
                    raise


class HasPatience(Protocol):
    patience: Patience


Self = TypeVar("Self", bound=HasPatience)


def repeatable(verb: Callable[Concatenate[Self, P], T]) -> Callable[Concatenate[Self, P], T]:
    """For a method that does no harm when it is called again: it is, where a controller hung up on it."""

    @wraps(verb)
    def repeating(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(TRIES - 1):
            try:
                return verb(self, *args, **kwargs)
            except HungUp:
                self.patience.sleep(self.patience.poll_s)
        return verb(self, *args, **kwargs)

    return repeating
