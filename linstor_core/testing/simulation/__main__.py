"""`python -m linstor_core.testing.simulation`: plays histories, and one again by its seed or from a file."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from linstor_core.testing.simulation import campaign
from linstor_core.testing.simulation.history import Plant, play
from linstor_core.testing.simulation.planted import PLANTS
from linstor_core.testing.simulation.script import Script, drawn
from linstor_core.testing.simulation.shrink import kinds, shrunk


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=campaign.COMMAND, description=__doc__)
    parser.add_argument("--seed", type=int, help="play the history of this seed")
    parser.add_argument("--play", type=Path, metavar="FILE", help="play a history that --save has written")
    parser.add_argument("--trace", action="store_true", help="show what happens in it")
    parser.add_argument("--shrink", action="store_true", help="leave out of a failing one whatever it fails without")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write it to a file")
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="SEED", help="the first of many")
    parser.add_argument("--count", type=int, help="how many; without a limit: 100")
    parser.add_argument("--seconds", type=float, default=0.0, help="of processor time that many may take")
    parser.add_argument("--stop", action="store_true", help="stop at the first that fails")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="put a known fault into the product")
    parser.add_argument("--json", action="store_true", help="end with a summary as JSON")
    return parser


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    plant = PLANTS[given.plant] if given.plant else None
    if given.seed is not None or given.play is not None:
        script = drawn(given.seed) if given.play is None else msgspec.json.decode(given.play.read_bytes(), type=Script)
        if given.shrink:
            wrong = kinds(play(script, plant=plant).wrong)
            script = shrunk(script, lambda shorter: bool(wrong & kinds(play(shorter, plant=plant).wrong)))
        if given.save is not None:
            given.save.write_bytes(msgspec.json.format(msgspec.json.encode(script), indent=1) + b"\n")
        return _show(script, print if given.trace else None, plant)
    count = given.count if given.count is not None else None if given.seconds else 100
    seeds = itertools.islice(itertools.count(given.first), count)
    summary = campaign.run(seeds, given.seconds, lambda line: print(line, flush=True), plant=given.plant or "",
                           stop=given.stop)
    if not given.json:
        print(*(f"{times:8} {what}" for what, times in summary.coverage.items()), sep="\n")
    print(f"{summary.histories} histories from seed {given.first} on, {len(summary.failed)} failed, "
          f"{summary.histories / max(summary.cpu_s, 0.01):.1f} a second")
    if given.json:
        print(msgspec.json.encode(summary).decode())
    return 1 if summary.failed else 0


def _show(script: Script, show: Callable[[str], None] | None, plant: Plant | None) -> int:
    outcome = play(script, show, plant)
    print(*(outcome.wrong or ("Everything held.",)), sep="\n")
    print(f"{len(script.events)} events, {outcome.callbacks} callbacks, trace {outcome.digest}")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets of names are walked in an order that a random number decides: here the seed decides everything.
        os.execve(sys.executable, [sys.executable, "-m", "linstor_core.testing.simulation", *sys.argv[1:]],  # noqa: S606
                  {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
