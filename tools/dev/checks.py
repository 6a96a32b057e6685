"""`./dev lint` and `./dev test`."""

from __future__ import annotations

import sys

from tools.processes import run_visibly
from tools.services import CHECKOUT

LINTERS = (("ruff", "check", "."), ("mypy",))


def lint() -> int:
    """The highest exit status; every linter runs, so that one round shows all there is to mend."""
    return max(run_visibly([sys.executable, "-m", *argv], CHECKOUT) for argv in LINTERS)


def test(arguments: list[str]) -> int:
    """Lint, then pytest, whose summary is the last line. Both always run."""
    linted = lint()
    tested = run_visibly([sys.executable, "-m", "pytest", *arguments], CHECKOUT)
    return tested or linted
