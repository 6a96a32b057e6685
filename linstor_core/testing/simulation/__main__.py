"""`python -m linstor_core.testing.simulation`: plays histories, and one again by its seed."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter

from linstor_core.testing.simulation.history import play_seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m linstor_core.testing.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one")
    parser.add_argument("--trace", action="store_true", help="show what happens")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed of many")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.0)
    given = parser.parse_args()
    if given.seed is not None:
        outcome = play_seed(given.seed, print if given.trace else None)
        print("\n".join(outcome.wrong) or "everything held")
        print(outcome.digest)
        return 1 if outcome.wrong else 0
    coverage: Counter[str] = Counter()
    start, failed = time.process_time(), 0
    number = given.first
    while (number < given.first + given.count if not given.seconds else time.process_time() - start < given.seconds):
        outcome = play_seed(number)
        coverage += outcome.coverage
        if outcome.wrong:
            failed += 1
            print(number, *outcome.wrong[:4], sep="\n    ", flush=True)
        number += 1
    took = time.process_time() - start
    for name, times in sorted(coverage.items()):
        print(f"{times:8} {name}")
    print(f"{number - given.first} histories, {failed} failed, {(number - given.first) / took:.1f} per CPU second")
    return 1 if failed else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets of names are walked in an order that a random number decides: here the seed decides everything.
        os.execve(sys.executable, [sys.executable, "-m", "linstor_core.testing.simulation", *sys.argv[1:]],  # noqa: S606
                  {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
