"""From the start of a daemon to its end: signals, word to the supervisor, settings that are read again."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from linstor_core.daemons import options
from linstor_core.daemons.supervisor import Supervisor
from linstor_core.domain.errors import LinstorError

S = TypeVar("S", bound=Struct)
_log = logging.getLogger(__name__)


class Daemon(Protocol):
    """What is run."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def status(self) -> str:
        """One line about what it does now."""


class Reload(Generic[S]):
    """Reads the settings again and tells everyone who asked to be told.

    Settings that can't be read change nothing; a hook that fails does not keep the others from being called.
    """

    def __init__(self, read: Callable[[], S], current: S) -> None:
        self._read = read
        self._current = current
        self.on_reload: list[Callable[[S], object]] = []
        """Called in the loop with the new settings, whether they differ or not: files that they name may."""

    def __call__(self) -> None:
        try:
            fresh = self._read()
        except LinstorError as fault:
            _log.error("The settings stay as they are: %s %s %s", fault.message, fault.cause, fault.correction)
            return
        kept = [hook for hook in self.on_reload if not self._told(hook, fresh)]
        for row in options.changes(self._current, fresh):
            if row.option.live:
                _log.info("[%s] %s is %s", row.section, row.name, "new" if kept else "taken over")
            else:
                _log.warning("[%s] %s has changed: that takes effect with the next start", row.section, row.name)
        self._current = _with_live(self._current, fresh)
        _log.info("the settings were read again")

    @staticmethod
    def _told(hook: Callable[[S], object], fresh: S) -> bool:
        """Whether it took everything over."""
        try:
            hook(fresh)
        except (LinstorError, OSError, ValueError) as fault:
            _log.error("A part of the settings stays as it is: %s", _words(fault))
            return False
        return True


def _words(fault: Exception) -> str:
    return " ".join(filter(None, (str(fault), getattr(fault, "cause", ""), getattr(fault, "correction", ""))))


def _with_live(running: S, fresh: S) -> S:
    """What the process runs with now: the rest is said again with every reload until the next start."""
    rows = options.rows_of(type(running))
    return options.settings(type(running), {row.key: options.value_of(fresh if row.option.live else running, row.key)
                                            for row in rows})


def _nothing() -> None:
    """For a daemon without settings."""


def _allow_many_files() -> None:
    """As many as the system lets us have: the usual 1024 would be the limit of clients."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def run(daemon: Daemon, supervisor: Supervisor, reload: Callable[[], Any] = _nothing) -> None:
    """Until SIGTERM or SIGINT; SIGHUP calls `reload`. Raises what the daemon's start raises."""
    ending, reloading = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    loop.add_signal_handler(signal.SIGHUP, reloading.set)
    _allow_many_files()
    await daemon.start()
    supervisor.ready(daemon.status())
    tasks = [asyncio.create_task(supervisor.keep_alive(), name="watchdog"),
             asyncio.create_task(_reload_again(daemon, supervisor, reload, reloading), name="reload")]
    try:
        await ending.wait()
    finally:
        supervisor.stopping()
        await daemon.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        supervisor.close()


async def _reload_again(daemon: Daemon, supervisor: Supervisor, reload: Callable[[], Any],
                        asked: asyncio.Event) -> None:
    while True:
        await asked.wait()
        asked.clear()
        supervisor.reloading()
        reload()
        supervisor.ready(daemon.status())
