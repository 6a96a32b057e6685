"""Finds what a call names, or refuses with LINSTOR's code for what is missing.

`refs` are the obj_refs of the refusal; `bare` leaves the operation and object bits out of its return code.
"""

from __future__ import annotations

from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, NotFound
from linstor_core.domain.nodes import NetInterface, Node
from linstor_core.domain.resource_groups import ResourceGroup, VolumeGroup
from linstor_core.domain.storage_pools import StoragePool

Refs = dict[str, str]


def node(cluster: Cluster, name: str, refs: Refs | None = None, *, bare: bool = False) -> Node:
    """Raises NotFound (300)."""
    found = cluster.node(name)
    if found is None:
        raise _missing("node", name, Code.NOT_FOUND_NODE, "linstor node list", refs, bare=bare)
    return found


def net_interface(cluster: Cluster, node_name: str, name: str, refs: Refs | None = None, *,
                  bare: bool = False) -> tuple[Node, NetInterface]:
    """Raises NotFound (300, 305)."""
    owner = node(cluster, node_name, refs, bare=bare)
    for interface in owner.net_interfaces:
        if interface.name.upper() == name.upper():
            return owner, interface
    raise _missing("network interface", name, Code.NOT_FOUND_NET_IF, f"linstor node interface list {owner.name}",
                   refs, bare=bare)


def storage_pool(cluster: Cluster, node_name: str, name: str, refs: Refs | None = None, *,
                 bare: bool = False) -> StoragePool:
    """Raises NotFound (300, 310)."""
    node(cluster, node_name, refs, bare=bare)
    found = cluster.pool(node_name, name)
    if found is None:
        raise _missing("storage pool", name, Code.NOT_FOUND_STOR_POOL, f"linstor storage-pool list -n {node_name}",
                       refs, bare=bare)
    return found


def resource_group(cluster: Cluster, name: str, refs: Refs | None = None, *, bare: bool = False) -> ResourceGroup:
    """Raises NotFound (317)."""
    found = cluster.group(name)
    if found is None:
        raise _missing("resource group", name, Code.NOT_FOUND_RSC_GRP, "linstor resource-group list", refs, bare=bare)
    return found


def volume_group(group: ResourceGroup, number: str, refs: Refs | None = None, *, bare: bool = False) -> VolumeGroup:
    """Raises NotFound (318)."""
    for part in group.volume_groups:
        if str(part.number) == number:
            return part
    raise _missing("volume group", number, Code.NOT_FOUND_VLM_GRP, f"linstor volume-group list {group.name}", refs,
                   bare=bare)


def _missing(kind: str, name: str, code: Code, listing: str, refs: Refs | None, *,
             bare: bool) -> NotFound:
    return NotFound(f"There is no {kind} '{name}'.", code, cause=f"The {kind} is not registered.",
                    correction=f"Compare the name with '{listing}'.", refs=refs, bare=bare)
