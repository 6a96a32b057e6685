"""Daemons as processes, with the environment that a supervisor gives them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools import processes, services
from tools.processes import ProcessIdentity

PATIENCE_S = 20.0


class Running:
    """A started daemon; whatever is left of it goes with the context."""

    def __init__(self, identity: ProcessIdentity, log: Path) -> None:
        self.identity = identity
        self.log = log

    def signal(self, number: int) -> None:
        os.kill(self.identity.pid, number)

    def ended(self) -> int:
        """The exit status, once it has ended."""
        assert processes.wait_for_end(self.identity, PATIENCE_S), services.tail(self.log)
        _, status = os.waitpid(self.identity.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def text(self) -> str:
        return self.log.read_text(errors="replace")


@contextlib.contextmanager
def running(module: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None,
            prefix: Sequence[str] = ()) -> Iterator[Running]:
    """`prefix` is a command that becomes the daemon."""
    variables = [f"{name}={value}" for name, value in (environment or {}).items()]
    started = Running(services.start(module, list(arguments), log, prefix=["env", *variables, *prefix]), log)
    try:
        yield started
    finally:
        processes.kill(started.identity)
