"""Pure functions from a Cluster to a Change, one module a noun."""

from linstor_core.controller.operations import (
    autoplace,
    backups,
    connections,
    controller_props,
    encryption,
    key_value_stores,
    nodes,
    remotes,
    resource_definitions,
    resource_groups,
    resources,
    spawn,
    storage_pool_definitions,
    storage_pools,
    volume_definitions,
    volume_groups,
    volumes,
)
from linstor_core.controller.route import Route

ROUTES: tuple[Route, ...] = (
    *autoplace.ROUTES,
    *backups.ROUTES,
    *connections.ROUTES,
    *controller_props.ROUTES,
    *encryption.ROUTES,
    *key_value_stores.ROUTES,
    *nodes.ROUTES,
    *remotes.ROUTES,
    *resource_definitions.ROUTES,
    *resource_groups.ROUTES,
    *resources.ROUTES,
    *spawn.ROUTES,
    *storage_pool_definitions.ROUTES,
    *storage_pools.ROUTES,
    *volume_definitions.ROUTES,
    *volume_groups.ROUTES,
    *volumes.ROUTES,
)
