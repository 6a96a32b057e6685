"""The forced end of a tombstone: what a node has not removed yet is not asked for any more."""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import tombstones
from linstor_core.controller.operations.tombstones import End
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.tombstones import Tombstone
from linstor_core.wire.api_call_rc import DELETED, Operation, Severity, Subject


def forget(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    """Says which files stay behind. Touches no data."""
    stone = lookups.tombstone(cluster, call.path["uuid"])
    refs = {"RscDfn": stone.resource_name, "Node": stone.node_name, "Tombstone": stone.uuid}
    told = call.rc(Severity.SUCCESS, DELETED, f"The tombstone of {stone} is deleted.", details=f"UUID: {stone.uuid}",
                   refs=refs)
    (left,) = tombstones.entries(call, cluster, (stone,), End.ABANDONED)
    return Change(deletes=((Tombstone, key_of(stone.uuid)), (ResourceSeen, stone.place)),
                  answers=(told, structs.replace(left, obj_refs=refs)))


ROUTES = (
    Route("DELETE", "/v1/tombstones/<uuid>", "Forget what a node has still to remove; the data stays there",
          write=forget, mask=Operation.DELETE | Subject.RSC),
)
