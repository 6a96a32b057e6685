"""Plays the recordings of LINSTOR 1.34 that lie beside the checkout against this controller.

    python -m tools.conformance [--show N] [--write] [SCENARIO ...]

`--write` raises the numbers in tests/conformance/passed.json to what passed (it never lowers one), and after all
scenarios writes the table in docs/compatibility.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tools import loop_mounts, processes, services
from tools.network import inside, network
from tools.services import CHECKOUT

RECORDINGS = CHECKOUT.parent / "shared/conformance"
FLOORS = CHECKOUT / "tests/conformance/passed.json"
PAGE = CHECKOUT / "docs/compatibility.md"
TABLE = re.compile(r"(<!-- conformance: .*? -->\n).*(<!-- end of conformance -->)", re.S)
POOL_MIB = 20 * 1024
HUB_ADDRESS = "10.99.0.1"
SATELLITES = {"node1": "10.99.0.11", "node2": "10.99.0.12", "node3": "10.99.0.13"}
RESULT = re.compile(r"^(\S+) +(\d+) of +(\d+) steps +(.*)$", re.M)


def scenarios(with_satellites: bool) -> list[Path]:
    """The recordings that want satellites, or those that want none, in the order of their names."""
    found = sorted(RECORDINGS.glob("scenarios/*.json"))
    return [path for path in found if ("sat" in json.loads(path.read_text())["needs"]) == with_satellites]


def floors() -> dict[str, int]:
    """How many steps of each scenario passed before."""
    return dict(json.loads(FLOORS.read_text()))


def raise_floors(passed: dict[str, int]) -> None:
    known = floors() if FLOORS.exists() else {}
    best = {name: max(passed.get(name, 0), known.get(name, 0)) for name in sorted({*known, *passed})}
    FLOORS.write_text(json.dumps(best, indent=2) + "\n")


def play_alone(paths: list[Path], show: int) -> str:
    """What replay.py says about a bare controller with an empty database."""
    with _folder() as root, _controller(root, services.free_address(), []) as address:
        return _replay(address, paths, [], show, [])


def play_with_satellites(paths: list[Path], show: int) -> str:
    """The same with three satellites, each in a network namespace with the address and the folders of the recording."""
    with _folder() as root, ExitStack() as stack:
        pool = root / "pool"
        loop_mounts.mount_image(root / "pool.xfs", pool, POOL_MIB)
        net = stack.enter_context(network(HUB_ADDRESS))
        variables = []
        for number, (name, address) in enumerate(SATELLITES.items(), 1):
            directory = pool / name
            for kind in ("pool-thin", "pool-file"):
                (directory / kind).mkdir(parents=True)
            stack.enter_context(_satellite(root, name, address, net.attach(address)))
            variables += ["--var", f"POOLDIR{number}={directory}"]
        hub = inside(net.hub, [])
        address = stack.enter_context(_controller(root, "127.0.0.1:3370", hub))
        return _replay(address, paths, variables, show, hub)


def results(output: str) -> dict[str, tuple[int, int]]:
    """Scenario -> (steps that passed, all steps)."""
    return {name: (int(passed), int(total)) for name, passed, total, _ in RESULT.findall(output)}


def write_table(output: str) -> None:
    """Put what passed into the page that readers look it up in."""
    rows = [f"| {name} | {title} | {passed} of {total} |" for name, passed, total, title in RESULT.findall(output)]
    passed, total = (sum(column) for column in zip(*results(output).values(), strict=True))
    table = "\n".join(["", "| scenario | subject | steps that pass |", "|---|---|---|", *rows,
                       f"| **all** | | **{passed} of {total} ({100 * passed / total:.0f} %)** |", "", ""])
    PAGE.write_text(TABLE.sub(lambda found: f"{found[1]}{table}{found[2]}", PAGE.read_text()))


def _replay(address: str, paths: list[Path], variables: list[str], show: int, prefix: list[str]) -> str:
    argv = [*prefix, sys.executable, str(RECORDINGS / "replay.py"), "--base", f"http://{address}", "--show", str(show),
            *variables, *map(str, paths)]
    try:
        return processes.run(argv, timeout_s=900)
    except processes.CommandFailed as failure:
        if failure.status != 1 or not results(failure.output):  # Status 1 with results: a step differed.
            raise
        return failure.output


@contextmanager
def _folder() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="linstor-conformance-"))
    try:
        yield root
    finally:
        loop_mounts.release(root)
        shutil.rmtree(root)


@contextmanager
def _controller(root: Path, address: str, prefix: list[str]) -> Iterator[str]:
    log = root / "controller.log"
    arguments = ["--listen", address, "--state", str(root / "controller")]
    identity = services.start("linstor_core.controller", arguments, log, prefix)
    try:
        services.wait_until_healthy(address, identity, log, prefix=prefix)
        yield address
    finally:
        processes.stop(identity, timeout_s=10)


@contextmanager
def _satellite(root: Path, name: str, address: str, namespace: str) -> Iterator[None]:
    arguments = ["--name", name, "--listen", f"{address}:3366", "--state", str(root / f"{name}-state")]
    identity = services.start("linstor_core.satellite", arguments, root / f"{name}.log", inside(namespace, []))
    try:
        yield
    finally:
        processes.stop(identity, timeout_s=10)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.conformance", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="differing steps to show a scenario")
    parser.add_argument("--write", action="store_true", help=f"raise the numbers in {FLOORS.relative_to(CHECKOUT)}")
    parser.add_argument("scenarios", nargs="*", help="beginnings of names; all where none is given")
    arguments = parser.parse_args(argv)
    if not RECORDINGS.is_dir():
        parser.error(f"{RECORDINGS} is missing")
    wanted = tuple(arguments.scenarios) or ("",)
    heard = ""
    for with_satellites, play in ((False, play_alone), (True, play_with_satellites)):
        paths = [path for path in scenarios(with_satellites) if path.name.startswith(wanted)]
        if paths:
            output = play(paths, arguments.show)
            print(output, flush=True)
            heard += output
    if arguments.write:
        raise_floors({name: passed for name, (passed, _) in results(heard).items()})
        if not arguments.scenarios:
            write_table(heard)
    return 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main(sys.argv[1:]))
