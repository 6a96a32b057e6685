"""Where a new volume goes: a wish for its first replica, and taking back what can't be completed."""

from __future__ import annotations

from linstor_core.client.client import LinstorClient
from linstor_core.client.errors import ApiCallError
from linstor_core.client.volume_values import Volume, volume_of
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.wire import rest_bodies as bodies

PLACING = "Aux/volume-service/placing"
"""The property of a volume that may lack replicas still, because it is being made."""


def placed(client: LinstorClient, volume: Volume, node: str) -> bool:
    """Place what lacks of a new volume, the first replica on `node` if that goes. False where the others do not fit
    beside that one: the volume is removed then. Raises ApiCallError where they fit nowhere.
    """
    near = bool(node) and not volume.nodes and _is_placed_near(client, volume, node)
    try:
        client.auto_place(volume.name)
    except ApiCallError:
        _remove_begun(client, volume.name, {node.upper()} if near else set())
        if not near:
            raise
        return False
    return True


def _is_placed_near(client: LinstorClient, volume: Volume, node: str) -> bool:
    """Nothing has changed where the group's rules keep it off that node, or the node can't take it now: it is unknown,
    away, full, being left.
    """
    rules = client.resource_group(volume.group).select_filter
    allowed = rules.node_name_list if rules is not None else None
    if allowed and node.upper() not in {each.upper() for each in allowed}:
        return False
    wish = bodies.AutoPlace(select_filter=AutoSelectFilter(place_count=1, node_name_list=(node,)))
    try:
        client.auto_place(volume.name, wish)
    except ApiCallError:
        return False
    return True


def _remove_begun(client: LinstorClient, name: str, nodes: set[str]) -> None:
    """Only what nobody has completed meanwhile: no replicas but on these nodes (upper-cased)."""
    for definition in client.resource_definitions([name], with_volume_definitions=True):
        volume = volume_of(definition, client.resources([name]))
        if PLACING in volume.props and {each.upper() for each in volume.nodes} <= nodes:
            client.delete_resource_definition(volume.name)
