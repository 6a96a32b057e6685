"""`./dev bench`: measures, prints a table, and with --write keeps it in docs/benchmarks.md."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Collection
from pathlib import Path

from tools.bench import figures, playground
from tools.bench.figure import Figure
from tools.services import CHECKOUT

PAGE = CHECKOUT / "docs/benchmarks.md"
HEAD = ("| figure | measured | p95 | a second | server CPU each | memory growth | LINSTOR 1.34 | goal | met |\n"
        "|---|---|---|---|---|---|---|---|---|")
PREAMBLE = """# Benchmarks

`./dev bench --write` made this page: a controller and a satellite in one process, SQLite with every answer after its
commit, an xfs image on a loop device as pool. The client is one process with ready-made requests over kept-alive
connections on the same machine, so it takes part of its CPU. LINSTOR 1.34 was measured on the same kind of machine,
quiet. "Measured" is the median where the unit is ms.

"REST at size" is measured with the controller in a process of its own and the real satellite over a simulated node
(`linstor_core.testing.simulated_satellite`): one deployed volume a resource, and no device. "Many nodes" has up to a
thousand of those satellites in one process (`linstor_core.testing.simulated_fleet`), which does most of the work: until
all are online takes as long as that one process takes for all of them. `--only` measures some
groups of figures: {groups}.
"""


def row(figure: Figure) -> str:
    goal = "" if figure.goal is None else f"{'≥' if figure.at_least else '≤'} {figure.goal:,.0f} {figure.unit}"
    sample = figure.sample
    detail = ["", "", "", ""] if sample is None else [
        f"{sample.p95_ms:,.2f} ms", f"{sample.per_second:,.0f}",
        "" if sample.cpu_ms_each is None else f"{sample.cpu_ms_each:.2f} ms",
        "" if sample.grown_kib is None else f"{sample.grown_kib / 1024:+.1f} MB"]
    cells = [figure.name, f"**{figure.value:,.{0 if figure.value >= 100 else 2}f} {figure.unit}**", *detail,
             figure.reference, goal, figure.verdict]
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    return (f"Machine: {os.cpu_count()} cores ({models[0] if models else platform.machine()}), Linux "
            f"{platform.release()}, Python {platform.python_version()}, {datetime.date.today():%Y-%m-%d}.")


def _measured(wanted: Collection[str]) -> list[str]:
    """The tables, as lines; shown as they grow."""
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    with playground.folder() as root:
        for title, groups in figures.SECTIONS.items():
            chosen = [group for name, group in groups.items() if name in wanted]
            if chosen:
                tell(f"\n## {title}\n\n{HEAD}")
            for group in chosen:
                for figure in group(root):
                    tell(row(figure))
    return lines


def main(argv: list[str]) -> int:
    names = [name for groups in figures.SECTIONS.values() for name in groups]
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(CHECKOUT)}")
    parser.add_argument("--only", nargs="+", choices=names, help="groups of figures to measure")
    arguments = parser.parse_args(argv)
    if arguments.write and arguments.only:
        parser.error("--write keeps a whole table: leave --only out")
    print(machine(), flush=True)
    tables = _measured(arguments.only or names)
    if arguments.write:
        PAGE.write_text("\n".join([PREAMBLE.format(groups=", ".join(names)), machine(), *tables, ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
