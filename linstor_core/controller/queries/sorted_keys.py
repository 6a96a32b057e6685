"""The keys of the model's maps in order, without sorting them anew for every request."""

from __future__ import annotations

from typing import Any

from linstor_core.domain.cluster import Cluster

_latest: dict[str, tuple[Any, tuple[Any, ...]]] = {}
"""Attribute of Cluster -> the map that was asked for last, and its keys in order."""


def sorted_keys(cluster: Cluster, attribute: str) -> tuple[Any, ...]:
    """The keys of `cluster.<attribute>` in ascending order; the same tuple as long as the map is the same.

    A map that has changed costs one pass over its keys: those known before keep their order, new ones are merged in.
    """
    current = getattr(cluster, attribute)
    found = _latest.get(attribute)
    if found is not None and found[0] is current:
        return found[1]
    keys = _updated(found[1], current) if found is not None else tuple(sorted(current))
    _latest[attribute] = (current, keys)
    return keys


def _updated(before: tuple[Any, ...], current: Any) -> tuple[Any, ...]:
    kept = [key for key in before if key in current]
    if len(kept) == len(before) == len(current):
        return before
    if len(kept) < len(current):
        known = set(before)
        kept.extend(key for key in current if key not in known)
        kept.sort()  # linear for a sorted run followed by a few more
    return tuple(kept)
