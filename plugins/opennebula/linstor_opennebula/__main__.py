"""`linstor-opennebula`: OpenNebula's drivers where one of their links is called, else the administrator's tool."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from linstor_core.client.errors import ClientError
from linstor_opennebula import calls, settings
from linstor_opennebula.actions import ACTIONS
from linstor_opennebula.calls import Call
from linstor_opennebula.errors import BadCall, CommandFailed, PluginError
from linstor_opennebula.world import World

INTERRUPTED = 143
"""What a shell says of a program that SIGTERM ended."""
_READ_INPUT = frozenset({"premigrate", "postmigrate", "failmigrate", "prebackup", "prebackup_live", "postbackup",
                         "postbackup_live", "context", "monitor"})
"""Actions of the transfer manager that get something on standard input; the others may inherit one that never ends."""


def main(program: str = "", arguments: list[str] | None = None) -> int:
    program = program or sys.argv[0]
    arguments = sys.argv[1:] if arguments is None else arguments
    name = os.path.basename(program)
    if name.startswith("linstor-opennebula") or name == "__main__.py":
        from linstor_opennebula.admin_commands import administrate

        return administrate(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    return drive(program, arguments)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ended from outside: what is half done is taken back on the way out."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(INTERRUPTED)


def drive(program: str, arguments: list[str]) -> int:
    """One action: its answer on standard output, what goes wrong on standard error, as OpenNebula reads them."""
    try:
        call = calls.parse(program, arguments, "")
        action = ACTIONS[call.kind].get(call.action)
        if action is None:
            raise BadCall(f"there is no action {call.kind}/{call.action}")
        call = Call(call.kind, call.driver, call.action, call.arguments, _standard_input(call), call.remotes)
        answer = action(call, World.of(settings.load(call.remotes), call.remotes))
    except (PluginError, ClientError, OSError) as error:
        return _refuse(os.path.basename(program), error)
    if answer:
        print(answer)
    return 0


def _standard_input(call: Call) -> str:
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    return sys.stdin.read() if call.kind == calls.DATASTORE or call.action in _READ_INPUT else ""


def _refuse(action: str, error: Exception) -> int:
    """OpenNebula shows its users what stands between these marks."""
    text = " ".join(str(error).split())
    print(f"ERROR: {action}: {text}", file=sys.stderr)
    print(f"ERROR MESSAGE --8<------\n{action}: {text}\nERROR MESSAGE ------>8--", file=sys.stderr)
    return error.status if isinstance(error, CommandFailed) and 0 < error.status < 255 else 1


if __name__ == "__main__":
    sys.exit(main())
