"""What an answer takes back: where somebody has a device open, a controller calls deletions and rollbacks off.

It decides that from the answer alone, so the satellite does the same at that moment and writes it down. Else it would
try again by itself, after a pause or a restart, and strike when nobody expects it any more and the word of the
controller has not come through yet.
"""

from __future__ import annotations

from msgspec import structs

from linstor_core.domain.errors import Code
from linstor_core.domain.observed import Failure, ResourceSeen
from linstor_core.domain.tombstones import uuid_of
from linstor_core.wire.resource_spec import ResourceSpec, VolumeSpec

STILL_OPEN = Failure("A device was open when this was asked for, so it was called off",
                     "Nothing was removed or replaced.", "Ask for it again.", code=Code.IN_USE)


def is_called_off(spec: ResourceSpec, seen: ResourceSeen) -> bool:
    """Whether this answer ends what the spec wants removed or replaced. What has begun already goes on."""
    if uuid_of(spec.resource_name.upper()) or not any(failure.code == Code.IN_USE for failure in seen.failures):
        return False
    deletes = any(volume.delete for volume in spec.volumes)
    replaced = [volume for volume in spec.volumes if volume.replaces and not volume.delete]
    if deletes:
        return all((found := seen.volume(volume.number)) is None or found.present for volume in spec.volumes)
    return bool(replaced) and not any(_is_there(seen, volume) for volume in replaced)


def _is_there(seen: ResourceSeen, volume: VolumeSpec) -> bool:
    found = seen.volume(volume.number)
    return found is not None and found.present and found.data_id == volume.data_id


def as_before(spec: ResourceSpec, known_data_ids: frozenset[str]) -> ResourceSpec:
    """The spec without what was called off: every volume with the content that it still has, one of the known ones."""
    return structs.replace(spec, volumes=tuple(_kept(volume, known_data_ids) for volume in spec.volumes))


def _kept(volume: VolumeSpec, known_data_ids: frozenset[str]) -> VolumeSpec:
    kept = structs.replace(volume, delete=False)
    if volume.replaces and volume.data_id not in known_data_ids:
        return structs.replace(kept, data_id=volume.replaces, replaces="", source=None, origin=None)
    return kept
