"""The cluster-wide names of storage pools, and what is set for all pools of a name."""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, NotFound
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.storage_pools import StoragePoolDefinition
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import PropsModify, StoragePoolDefinitionCreate


def create(cluster: Cluster, context: Context, call: Call[StoragePoolDefinitionCreate]) -> Change:
    name = call.body.storage_pool_name
    refs = {"StorPoolDfn": name}
    with lookups.about(**refs):
        names.storage_pool_name(name)
        if key_of(name) in cluster.storage_pool_definitions:
            raise AlreadyExists(f"There is a storage pool definition '{name}' already.", Code.EXISTS_STOR_POOL_DFN,
                                cause="Names are compared without regard to case.")
        props, entries = properties.initial(ObjectKind.STORAGE_POOL_DEFINITION, Subject.STOR_POOL_DFN,
                                            call.body.props, refs)
    definition = StoragePoolDefinition(context.new_uuid(), name, props)
    entries.append(call.rc(Severity.SUCCESS, CREATED, f"Storage pool definition '{name}' is created.",
                           details=f"UUID {definition.uuid}.", refs={**refs, "UUID": definition.uuid}))
    return Change((definition,), answers=tuple(entries))


def _found(cluster: Cluster, name: str) -> StoragePoolDefinition:
    found = cluster.storage_pool_definitions.get(key_of(name))
    if found is None:
        raise NotFound(f"There is no storage pool definition '{name}'.", Code.NOT_FOUND_STOR_POOL_DFN,
                       cause="It is not registered, or went with its last pool.",
                       correction="Compare the name with 'linstor storage-pool-definition list'.")
    return found


def modify(cluster: Cluster, _: Context, call: Call[PropsModify]) -> Change:
    refs = {"StorPoolDfn": call.path["pool"]}
    with lookups.about(**refs):
        found = _found(cluster, call.path["pool"])
        props, entries = properties.changed(ObjectKind.STORAGE_POOL_DEFINITION, Subject.STOR_POOL_DFN, found.props,
                                            call.body, refs)
    entries.append(call.rc(Severity.SUCCESS, MODIFIED, f"Storage pool definition '{found.name}' is changed.",
                           details=f"UUID {found.uuid}.", refs={**refs, "UUID": found.uuid}))
    return Change((structs.replace(found, props=props),), answers=tuple(entries))


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    name = call.path["pool"]
    refs = {"StorPoolDfn": name}
    with lookups.about(**refs):
        names.storage_pool_name(name)
        found = _found(cluster, name)
    nodes = [pool.node_name for key, pool in cluster.storage_pools.items() if key[1] == key_of(name)]
    if nodes:
        raise Conflict(f"Storage pools '{found.name}' exist.", Code.IN_USE, refs=refs,
                       details=f"On the nodes: {', '.join(sorted(nodes))}.",
                       correction="Delete the storage pools first.")
    return Change(deletes=((StoragePoolDefinition, key_of(name)),), answers=(call.rc(
        Severity.SUCCESS, DELETED, f"Storage pool definition '{found.name}' is deleted.",
        details=f"UUID {found.uuid}.", refs={**refs, "UUID": found.uuid}),))


_CREATE, _MODIFY, _DELETE = (operation | Subject.STOR_POOL_DFN for operation in (Operation.CREATE, Operation.MODIFY,
                                                                                 Operation.DELETE))

ROUTES = (
    Route("POST", "/v1/storage-pool-definitions", "Create a storage pool definition", write=create,
          body=StoragePoolDefinitionCreate, mask=_CREATE, success=201),
    Route("PUT", "/v1/storage-pool-definitions/<pool>", "Change what holds for all pools of a name", write=modify,
          body=PropsModify, mask=_MODIFY),
    Route("DELETE", "/v1/storage-pool-definitions/<pool>", "Delete a storage pool definition without pools",
          write=delete, mask=_DELETE),
)
