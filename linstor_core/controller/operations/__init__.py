"""Pure functions from a Cluster to a Change, one module a noun."""

from linstor_core.controller.operations import (
    controller_props,
    encryption,
    nodes,
    resource_definitions,
    resource_groups,
    resources,
    storage_pool_definitions,
    storage_pools,
    volume_definitions,
    volume_groups,
    volumes,
)
from linstor_core.controller.route import Route

ROUTES: tuple[Route, ...] = (
    *controller_props.ROUTES,
    *encryption.ROUTES,
    *nodes.ROUTES,
    *resource_definitions.ROUTES,
    *resource_groups.ROUTES,
    *resources.ROUTES,
    *storage_pool_definitions.ROUTES,
    *storage_pools.ROUTES,
    *volume_definitions.ROUTES,
    *volume_groups.ROUTES,
    *volumes.ROUTES,
)
