"""The one place that starts processes."""

from __future__ import annotations

import os
import shlex
import subprocess

from linstor_core.satellite.failures import StepFailed

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def run(argv: tuple[str, ...], *, stdin: bytes = b"", timeout_s: float = 600.0,
        accepted: tuple[int, ...] = (0,)) -> str:
    """The program's standard output. Secrets go through `stdin` only, which no message repeats.

    Raises StepFailed with argv, exit status and standard error; an exit status in `accepted` is no failure.
    """
    command = shlex.join(argv)
    try:
        # A file in memory, since some programs ask for the size of what they read.
        with os.fdopen(os.memfd_create("stdin"), "w+b") as source:
            source.write(stdin)
            source.seek(0)
            done = subprocess.run(argv, stdin=source, capture_output=True, timeout=timeout_s, check=False,
                                  env=_ENVIRONMENT)
    except FileNotFoundError as error:
        raise StepFailed(f"'{argv[0]}' is not installed", cause=f"Command: {command}",
                         correction=f"Install the package that brings {argv[0]} on this node.") from error
    except subprocess.TimeoutExpired as error:
        raise StepFailed(f"'{argv[0]}' did not end within {timeout_s:g} seconds", cause=f"Command: {command}",
                         correction="Check the node's storage; the command is tried again.") from error
    if done.returncode not in accepted:
        errors = done.stderr.decode(errors="replace").strip()
        raise StepFailed(f"'{argv[0]}' failed with exit status {done.returncode}", cause=errors or "It said nothing.",
                         correction="Repair the cause; the command is tried again.", details=f"Command: {command}")
    return done.stdout.decode(errors="replace")
