"""An event loop whose time is a number: it passes when there is nothing left to do, and never while something runs.

Everything happens in the order that the seed gives. Each callback belongs to a `Process`; what belongs to one that was
killed never runs again, as after SIGKILL: no `finally`, no farewell.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import hashlib
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from random import Random
from typing import Any, TypeVarTuple

from msgspec import Struct

PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)
_Ts = TypeVarTuple("_Ts")
_KEPT_TASKS = 4000
_BURIAL_ROUNDS = 30
_NESTED_JOBS = 2


class ProcessKilled(BaseException):
    """Ends what a process does in the middle of blocking work. No `except Exception` of the product sees it."""


class Stuck(Exception):
    """Nothing is left that could ever happen, or far too much."""


class Process:
    """What dies together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.fuse: int | None = None
        """Killed after so many more callbacks."""
        self.context = contextvars.copy_context()
        self.context.run(PROCESS.set, self)
        self.on_death: list[Callable[[], None]] = []

    def kill(self) -> None:
        if self.alive:
            self.alive = False
            for tell in self.on_death:
                tell()


class Job(Struct, eq=False):
    """Blocking work that a process has given to its threads."""

    work: Callable[[], Any]
    done: asyncio.Future[Any]
    process: Process | None
    begun: bool = False


class Trace:
    """What happened, as a running digest, and as lines for whoever wants to read them."""

    def __init__(self, now: Callable[[], float], show: Callable[[str], None] | None) -> None:
        self._now = now
        self._show = show
        self._digest = hashlib.sha256()

    def __call__(self, text: str) -> None:
        line = f"{self._now():.6f} {text}"
        self._digest.update(line.encode() + b"\n")
        if self._show is not None:
            self._show(line)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


class VirtualLoop(asyncio.BaseEventLoop):
    """Only what asyncio's own parts need; `run_in_executor` has work done at a later moment of the same thread."""

    def __init__(self, random: Random, show: Callable[[str], None] | None = None,
                 longest_job_s: float = 0.02) -> None:
        super().__init__()
        self._random = random
        self._now = 0.0
        self._due: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = itertools.count()
        self._tasks: dict[asyncio.Task[Any], Process | None] = {}
        self._jobs: dict[Job, None] = {}
        self._dropped: list[asyncio.Handle] = []
        """Of the dead; they are let run once nothing depends on it any more, so that every coroutine ends."""
        self._nested = 0
        self._over = False
        self.longest_job_s = longest_job_s
        self.passed = 0
        """Callbacks that have run."""
        self.faults: list[str] = []
        """What asyncio had to say of exceptions that nobody caught."""
        self.trace = Trace(self.time, show)

    # Time and order

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[[*_Ts], object], *args: *_Ts,
                  context: contextvars.Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._due.append(handle)
        return handle

    def call_soon_threadsafe(self, callback: Callable[[*_Ts], object], *args: *_Ts,
                             context: contextvars.Context | None = None) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts,
                   context: contextvars.Context | None = None) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts,
                context: contextvars.Context | None = None) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def _timer_handle_cancelled(self, _: asyncio.TimerHandle) -> None:
        """A cancelled timer is passed over when its time comes."""

    # Running

    def run_while(self, goes_on: Callable[[], bool]) -> None:
        """Raises Stuck when nothing can happen any more."""
        asyncio._set_running_loop(self)
        try:
            while goes_on():
                if not self._due:
                    self._let_time_pass()
                self._run(self._due.popleft())
        finally:
            asyncio._set_running_loop(None)

    def _let_time_pass(self) -> None:
        while self._timers:
            when, _, handle = heapq.heappop(self._timers)
            if not handle.cancelled():
                self._now = max(self._now, when)
                self._due.append(handle)
                return
        raise Stuck("Nothing can happen any more.")

    def _run(self, handle: asyncio.Handle) -> None:
        if handle.cancelled():
            return
        process = handle._context.get(PROCESS)  # type: ignore[attr-defined]
        if process is not None and not self._over:
            if process.fuse is not None:
                process.fuse -= 1
                if process.fuse < 0:
                    process.kill()
            if not process.alive:
                self._dropped.append(handle)
                return
        self.passed += 1
        handle._run()

    # Work that blocks

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any],  # type: ignore[override]
                        *args: Any) -> asyncio.Future[Any]:
        job = Job(lambda: func(*args), self.create_future(), PROCESS.get())
        self._jobs[job] = None
        self.call_later(self._random.random() * self.longest_job_s, self._do, job)
        return job.done

    def _do(self, job: Job) -> None:
        if job.begun:
            return
        job.begun = True
        self._jobs.pop(job, None)
        if self._over or (job.done.cancelled() and self._random.random() < 0.5):
            job.done.cancel()
            return
        try:
            result = job.work()
        except ProcessKilled:
            if job.process is not None:
                job.process.kill()
        except Exception as error:
            if not job.done.cancelled():
                job.done.set_exception(error)
        else:
            if not job.done.cancelled():
                job.done.set_result(result)

    def let_another_thread_run(self) -> None:
        """Called in the middle of a job: another one of the same process may be done meanwhile, from end to end."""
        process = PROCESS.get()
        if self._nested >= _NESTED_JOBS:
            return
        others = [job for job in self._jobs if job.process is process]
        if others:
            self._nested += 1
            try:
                self._do(self._random.choice(others))
            finally:
                self._nested -= 1
        if process is not None and not process.alive:
            raise ProcessKilled

    # Tasks and futures

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Generator[Any, None, Any] | Coroutine[Any, Any, Any], *, name: object = None,
                    context: contextvars.Context | None = None) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=None if name is None else str(name), context=context)
        self._tasks[task] = PROCESS.get() if context is None else context.get(PROCESS)
        if len(self._tasks) > _KEPT_TASKS:
            self._tasks = {one: process for one, process in self._tasks.items() if not one.done() or _has_failed(one)}
        return task

    def unheard(self) -> list[str]:
        """Exceptions that ended a task of a program that still runs, and that nobody looked at."""
        return self.faults + [f"{_called(task)}: {task.exception()!r}" for task, process in self._tasks.items()
                              if _has_failed(task) and (process is None or process.alive)]

    def bury(self) -> None:
        """The history is over: end every coroutine, those of the dead too, so that none is left behind."""
        self._over = True
        self._timers.clear()
        for _ in range(_BURIAL_ROUNDS):
            left = [task for task in self._tasks if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            self._due.extend(self._dropped)
            self._dropped.clear()
            with contextlib.suppress(Stuck):
                self.run_while(lambda: bool(self._due))
            for job in tuple(self._jobs):
                self._do(job)
        self._tasks.clear()
        self._jobs.clear()

    # What asyncio asks of a loop

    def close(self) -> None:
        super().close()
        self._due.clear()
        self._timers.clear()

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._over:
            self.faults.append(f"{context.get('message')}: {context.get('exception')!r}")


def _called(task: asyncio.Task[Any]) -> str:
    return f"{task.get_name()} {getattr(task.get_coro(), '__qualname__', '')}"


def _has_failed(task: asyncio.Task[Any]) -> bool:
    """Whether it ended by an exception that nobody has looked at."""
    return task.done() and not task.cancelled() and bool(getattr(task, "_log_traceback", False))
