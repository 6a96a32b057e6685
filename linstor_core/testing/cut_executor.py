"""An executor that ends after some steps: what a crash between two steps looks like."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import NoReturn

from linstor_core.satellite.executor import StepExecutor
from linstor_core.satellite.steps import Step


class Cut(BaseException):
    """The crash of a test that goes on in the same process. No `except Exception` of the product sees it."""


def cut() -> NoReturn:
    raise Cut


def kill_process() -> NoReturn:
    """The end of the whole process, without any clean-up."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise Cut


class CutExecutor:
    """Runs `steps` steps, and calls `end` instead of the next one."""

    def __init__(self, inner: StepExecutor, steps: int, end: Callable[[], NoReturn] = cut) -> None:
        self._inner = inner
        self._left = steps
        self._end = end

    def run(self, step: Step) -> None:
        if self._left == 0:
            self._end()
        self._left -= 1
        self._inner.run(step)
