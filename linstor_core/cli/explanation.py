"""Why pools would be taken or not, as a table."""

from __future__ import annotations

from linstor_core.cli.call import Call
from linstor_core.cli.screen import GREEN, RED, YELLOW, Cell, Column
from linstor_core.domain.sizes import format_kib
from linstor_core.wire.explain import Explanation, PoolVerdict

_COLORS = {"chosen": GREEN, "possible": YELLOW, "rejected": RED}


def show_explanation(call: Call, found: Explanation) -> None:
    """The best pools first."""
    if call.shown_as_json():
        return
    rows = sorted(found.pools, key=lambda pool: (pool.verdict, -(pool.score or 0), pool.node_name))
    call.screen.table([Column("Node"), Column("StoragePool"), Column("Driver"), Column("Verdict"),
                       Column("Score", right=True), Column("Usable", right=True), Column("Reason")],
                      map(_row, rows), pastable=call.args.pastable)
    call.screen.line(f"{found.wanted} place(s) wanted: " + ("there is room for all of them." if found.feasible
                                                            else "there is no room for all of them."))


def _row(pool: PoolVerdict) -> list[object]:
    parts = ", ".join(f"{name} {value:.3f}" for name, value in sorted(pool.scores.items()))
    return [pool.node_name, pool.storage_pool_name, pool.provider_kind, Cell(pool.verdict, _COLORS[pool.verdict]),
            "" if pool.score is None else f"{pool.score:.3f}",
            "" if pool.usable_kib is None else format_kib(max(pool.usable_kib, 0)), pool.reason or parts]
