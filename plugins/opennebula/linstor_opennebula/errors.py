"""What the plugin itself refuses.

    PluginError
    ├── BadCall             OpenNebula's arguments or standard input are not what a version of it sends
    ├── BadSettings         the plugin's file of settings, or a secret's file, cannot be used
    ├── Refused             what was asked would lose data or show it to somebody who may not see it
    └── CommandFailed       a command on this machine or on a host ended with an error
"""

from __future__ import annotations

from collections.abc import Sequence


class PluginError(Exception):
    """Any of the cases above."""


class BadCall(PluginError):
    pass


class BadSettings(PluginError):
    pass


class Refused(PluginError):
    pass


class CommandFailed(PluginError):
    """`host` is empty for this machine; `stderr` is what the command said, its end only."""

    def __init__(self, host: str, argv: Sequence[str], status: int, stderr: str) -> None:
        self.host = host
        self.argv = tuple(argv)
        self.status = status
        self.stderr = stderr[-2000:].strip()
        place = f" on {host}" if host else ""
        super().__init__(f"`{' '.join(argv)[:300]}`{place} ended with status {status}: {self.stderr or 'no output'}")
