"""What Proxmox VE may do with a volume: the feature matrix and the formats for moving data. Pure."""

from __future__ import annotations

from linstor_proxmox.volume_names import VolumeName

CURRENT, TEMPLATE, SNAPSHOT = "current", "base", "snap"
_FEATURES: dict[str, frozenset[str]] = {
    "copy": frozenset({TEMPLATE, CURRENT, SNAPSHOT}),
    "clone": frozenset({TEMPLATE, SNAPSHOT}),
    "snapshot": frozenset({CURRENT, SNAPSHOT}),
    "template": frozenset({CURRENT}),
    "rename": frozenset({CURRENT}),
}
"""No `sparseinit`: a volume in a thick pool holds what its space held before. No `replicate`: LINSTOR does that."""


def has_feature(feature: str, volume: VolumeName, snapshot: str, target_formats: list[str] | None) -> bool:
    """`target_formats` are the formats that a linked clone may have, None for any; clones are always raw."""
    if feature == "clone" and target_formats is not None and "raw" not in target_formats:
        return False
    state = SNAPSHOT if snapshot else TEMPLATE if volume.is_template else CURRENT
    return state in _FEATURES.get(feature, frozenset())


def transfer_formats(incremental: bool, with_snapshots: bool) -> list[str]:
    """The streams that a volume can be exported to and imported from."""
    return [] if incremental or with_snapshots else ["raw+size"]
