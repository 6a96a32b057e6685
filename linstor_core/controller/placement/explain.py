"""Puts into words why pools were not taken: every pool by name, with the numbers that decided."""

from __future__ import annotations

from linstor_core.controller.placement.autoplacer import Selection
from linstor_core.controller.placement.filters import Wanted
from linstor_core.domain.errors import Code, Conflict


def summary(selection: Selection, wanted: Wanted) -> str:
    """One line a pool."""
    lines = [f"{node}/{pool}: {reason}" for (node, pool), reason in sorted(selection.rejected.items())]
    nodes = sorted({candidate.pool.node_name for candidate in selection.candidates})
    for candidate in sorted(selection.candidates, key=lambda each: (each.pool.node_name, each.pool.name)):
        lines.append(f"{candidate.pool.node_name}/{candidate.pool.name}: could be taken (score {candidate.score:.5f})")
    if len(nodes) >= wanted.count > 0 and not selection.chosen:
        rules = [*(f"same {rule}" for rule in wanted.same), *(f"different {rule}" for rule in wanted.different),
                 *(f"at most {limit} with the same {key}" for key, limit in wanted.at_most),
                 "one kind of provider for all replicas"]
        lines.append(f"{len(nodes)} nodes could be taken, but no {wanted.count} of them together: " + ", ".join(rules))
    return "\n".join(lines) if lines else "There is no storage pool in the cluster."


def refusal(selection: Selection, wanted: Wanted) -> Conflict:
    """NOT_ENOUGH_NODES (996) with the verdict on every pool in its details."""
    nodes = len({candidate.pool.node_name for candidate in selection.candidates})
    return Conflict(f"{wanted.count} more place(s) are needed, and there are not enough.", Code.NOT_ENOUGH_NODES,
                    cause=f"{nodes} node(s) have a pool that passes all rules on its own.",
                    details=summary(selection, wanted),
                    correction="Add nodes or space, or loosen the rules that the details name.")
