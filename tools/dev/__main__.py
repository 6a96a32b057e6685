"""`python -m tools.dev VERB`: called by the script `dev`, which has set up what the verb needs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from linstor_core.client.errors import ClientError
from tools.dev import checks
from tools.dev.down import down
from tools.dev.progress import Progress
from tools.dev.state_folder import DEFAULT, StateFolder, StateFolderRefused
from tools.dev.up import CannotStart, up
from tools.loop_mounts import NoRoom
from tools.processes import CommandFailed
from tools.services import StartFailed

EXPECTED = (CannotStart, StateFolderRefused, NoRoom, CommandFailed, StartFailed, ClientError, OSError)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev", description="The verbs of ./dev that are made in Python.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    starting = verbs.add_parser("up", help="set up everything and start it")
    starting.add_argument("--listen", metavar="ADDRESS:PORT", help="REST address (127.0.0.1:3370)")
    stopping = verbs.add_parser("down", help="stop it")
    stopping.add_argument("--wipe", action="store_true", help="remove volumes, mounts and the state folder")
    for verb in (starting, stopping):
        verb.add_argument("--state", type=Path, default=DEFAULT, metavar="DIR", help="state folder (.state)")
    verbs.add_parser("lint")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    if argv[:1] == ["test"]:  # Whatever follows is pytest's.
        return checks.test(argv[1:])
    arguments = _arguments(argv)
    try:
        if arguments.verb == "lint":
            return checks.lint()
        if arguments.verb == "up":
            up(StateFolder(arguments.state), arguments.listen, Progress())
        else:
            down(StateFolder(arguments.state), arguments.wipe, Progress())
    except EXPECTED as error:
        print(f"./dev {arguments.verb}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
