"""Numbers that an object gets for life. What is taken is read from the model, so it survives restarts by itself."""

from __future__ import annotations

from collections.abc import Collection

from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, InvalidInput, NumbersExhausted

MINOR_RANGE_PROP = "MinorNrAutoRange"
DEFAULT_MINORS = (1000, 49999)
MAX_MINOR = 1048575
MAX_VOLUME_NUMBER = 65534
MINOR_POOL_EXHAUSTED = 800


def minor_numbers(cluster: Cluster) -> set[int]:
    """Every minor number that a volume definition holds."""
    return {volume.minor_number for definition in cluster.resource_definitions.values()
            for volume in definition.volume_definitions if volume.minor_number is not None}


def take_minor(cluster: Cluster, wanted: int | None, also_taken: Collection[int] = ()) -> int:
    """`wanted`, or the lowest free minor of the cluster's range.

    Raises InvalidInput (207) for one that is taken or out of range, NumbersExhausted when no number is left.
    """
    taken = minor_numbers(cluster) | set(also_taken)
    if wanted is not None:
        if not 0 <= wanted <= MAX_MINOR:
            raise InvalidInput(f"{wanted} cannot be a minor number.", Code.INVLD_MINOR_NR,
                               cause=f"Minor numbers run from 0 to {MAX_MINOR}.")
        if wanted in taken:
            raise InvalidInput(f"The minor number {wanted} is in use.", Code.INVLD_MINOR_NR,
                               cause="Another volume definition holds it.")
        return wanted
    low, high = _minor_range(cluster)
    for number in range(low, high + 1):
        if number not in taken:
            return number
    raise NumbersExhausted("No minor number is left.", MINOR_POOL_EXHAUSTED,
                           cause=f"All numbers from {low} to {high} are in use.",
                           correction=f"Widen the controller's property {MINOR_RANGE_PROP}.")


def _minor_range(cluster: Cluster) -> tuple[int, int]:
    low, _, high = cluster.controller.props.get(MINOR_RANGE_PROP, "").partition("-")
    try:
        return int(low), int(high)
    except ValueError:
        return DEFAULT_MINORS


def volume_number(wanted: int | None, taken: Collection[int]) -> int:
    """`wanted`, or the lowest free volume number. Raises InvalidInput (205), NumbersExhausted when none is left."""
    if wanted is not None:
        if not 0 <= wanted <= MAX_VOLUME_NUMBER:
            raise InvalidInput(f"{wanted} cannot be a volume number.", Code.INVLD_VLM_NR,
                               cause=f"Volume numbers run from 0 to {MAX_VOLUME_NUMBER}.")
        return wanted
    number = 0
    while number in taken:
        number += 1
    if number > MAX_VOLUME_NUMBER:
        raise NumbersExhausted("No volume number is left.", Code.INVLD_VLM_NR)
    return number
