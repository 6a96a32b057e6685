"""Resource groups and their volume groups as REST shows them."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.queries import lists
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.resource_groups import AutoSelectFilter, ResourceGroup, VolumeGroup
from linstor_core.wire import rest_v1


def _filter(asked: AutoSelectFilter) -> AutoSelectFilter:
    """A single pool is shown under its older name too."""
    pools = asked.storage_pool_list or ()
    return structs.replace(asked, storage_pool=pools[0]) if len(pools) == 1 else asked


def _shown(group: ResourceGroup) -> rest_v1.ResourceGroup:
    return rest_v1.ResourceGroup(name=group.name, description=group.description, props=group.props,
                                 select_filter=_filter(group.select_filter), uuid=group.uuid,
                                 peer_slots=group.peer_slots)


def _shown_volume(part: VolumeGroup) -> rest_v1.VolumeGroup:
    return rest_v1.VolumeGroup(volume_number=part.number, props=part.props, flags=part.flags, uuid=part.uuid)


_encoded = lists.Memo(_shown)


def list_groups(cluster: Cluster, call: Call[Any]) -> object:
    wanted, props = lists.wanted(call, "resource_groups"), lists.props_filter(call)
    keys = [key for key in sorted_keys(cluster, "resource_groups") if lists.passes(wanted, key)
            and (props is None or props(cluster.resource_groups[key].props))]
    return lists.encoded(_encoded.get(key, cluster.resource_groups[key]) for key in lists.page(call, keys))


def show_group(cluster: Cluster, call: Call[Any]) -> object:
    return _shown(lookups.group(cluster, call.path["group"], bare=True))


def list_volumes(cluster: Cluster, call: Call[Any]) -> object:
    group = lookups.group(cluster, call.path["group"], bare=True)
    return [_shown_volume(part) for part in lists.page(call, group.volume_groups)]


def show_volume(cluster: Cluster, call: Call[Any]) -> object:
    group = lookups.group(cluster, call.path["group"], bare=True)
    return _shown_volume(lookups.volume_group(group, call.path["number"], bare=True))


ROUTES = (
    Route("GET", "/v1/resource-groups", "Resource groups, filtered by `resource_groups` and `props`", read=list_groups,
          answer=list[rest_v1.ResourceGroup]),
    Route("GET", "/v1/resource-groups/<group>", "One resource group", read=show_group, answer=rest_v1.ResourceGroup),
    Route("GET", "/v1/resource-groups/<group>/volume-groups", "The volumes of a group's template", read=list_volumes,
          answer=list[rest_v1.VolumeGroup]),
    Route("GET", "/v1/resource-groups/<group>/volume-groups/<number>", "One volume of a group's template",
          read=show_volume, answer=rest_v1.VolumeGroup),
)
