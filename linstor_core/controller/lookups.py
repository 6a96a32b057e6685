"""Finding what a caller names, or refusing with LINSTOR's code for what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, LinstorError, NotFound
from linstor_core.domain.nodes import Node
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resource_groups import ResourceGroup, VolumeGroup
from linstor_core.domain.resources import Resource
from linstor_core.domain.snapshots import Snapshot
from linstor_core.domain.storage_pools import StoragePool
from linstor_core.domain.tombstones import Tombstone


@contextmanager
def about(**refs: str) -> Iterator[None]:
    """Refusals raised inside name these objects (LINSTOR's obj_refs)."""
    try:
        yield
    except LinstorError as fault:
        if not fault.bare:
            fault.refs = {**refs, **fault.refs}
        raise


def _missing(what: str, code: Code, bare: bool) -> NotFound:
    return NotFound(f"{what} does not exist.", code, cause="Nothing is registered under this name.",
                    correction="Check the spelling, or create it first.", bare=bare)


def node(cluster: Cluster, name: str, *, bare: bool = False) -> Node:
    """Raises NotFound (300)."""
    found = cluster.node(name)
    if found is None:
        raise _missing(f"The node '{name}'", Code.NOT_FOUND_NODE, bare)
    return found


def definition(cluster: Cluster, name: str, *, bare: bool = False) -> ResourceDefinition:
    """Raises NotFound (301)."""
    found = cluster.definition(name)
    if found is None:
        raise _missing(f"The resource definition '{name}'", Code.NOT_FOUND_RSC_DFN, bare)
    return found


def group(cluster: Cluster, name: str, *, bare: bool = False) -> ResourceGroup:
    """Raises NotFound (317)."""
    found = cluster.group(name)
    if found is None:
        raise _missing(f"The resource group '{name}'", Code.NOT_FOUND_RSC_GRP, bare)
    return found


def storage_pool(cluster: Cluster, node_name: str, name: str, *, bare: bool = False) -> StoragePool:
    """Raises NotFound (300, 310)."""
    owner = node(cluster, node_name, bare=bare)
    found = cluster.pool(node_name, name)
    if found is None:
        raise _missing(f"The storage pool '{name}' on node '{owner.name}'", Code.NOT_FOUND_STOR_POOL, bare)
    return found


def volume_group(owner: ResourceGroup, number: str, *, bare: bool = False) -> VolumeGroup:
    """Raises NotFound (318)."""
    for part in owner.volume_groups:
        if str(part.number) == number:
            return part
    raise _missing(f"The volume group {number} of '{owner.name}'", Code.NOT_FOUND_VLM_GRP, bare)


def resource(cluster: Cluster, name: str, node_name: str, *, bare: bool = False) -> Resource:
    """Raises NotFound (302)."""
    found = cluster.resource(name, node_name)
    if found is None:
        raise _missing(f"The resource '{name}' on node '{node_name}'", Code.NOT_FOUND_RSC, bare)
    return found


def volume_definition(owner: ResourceDefinition, number: int, *, bare: bool = False) -> VolumeDefinition:
    """Raises NotFound (303)."""
    found = owner.volume_definition(number)
    if found is None:
        raise _missing(f"The volume definition {number} of '{owner.name}'", Code.NOT_FOUND_VLM_DFN, bare)
    return found


def snapshot(cluster: Cluster, resource_name: str, name: str, *, bare: bool = False,
             code: Code = Code.NOT_FOUND_SNAPSHOT_DFN) -> Snapshot:
    """Raises NotFound (313 unless told otherwise)."""
    found = cluster.snapshot(resource_name, name)
    if found is None:
        raise _missing(f"The snapshot '{name}' of '{resource_name}'", code, bare)
    return found


def tombstone(cluster: Cluster, uuid: str, *, bare: bool = False) -> Tombstone:
    """Raises NotFound (391)."""
    found = cluster.tombstones.get(key_of(uuid))
    if found is None:
        raise _missing(f"The tombstone '{uuid}'", Code.NOT_FOUND_TOMBSTONE, bare)
    return found


def volume_number(text: str) -> int:
    """A volume number in a URL. Raises LinstorError (998) for what is no number."""
    try:
        return int(text)
    except ValueError:
        raise LinstorError(f"'{text}' is no volume number.", Code.UNKNOWN_ERROR,
                           correction="Volume numbers are whole numbers from 0 to 65534.", bare=True) from None
