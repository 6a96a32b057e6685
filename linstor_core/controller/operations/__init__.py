"""Pure functions from a Cluster to a Change, one module a noun."""

from linstor_core.controller.operations import (
    controller_props,
    encryption,
    nodes,
    resource_groups,
    storage_pool_definitions,
    storage_pools,
    volume_groups,
)
from linstor_core.controller.route import Route

ROUTES: tuple[Route, ...] = (
    *controller_props.ROUTES,
    *encryption.ROUTES,
    *nodes.ROUTES,
    *resource_groups.ROUTES,
    *storage_pool_definitions.ROUTES,
    *storage_pools.ROUTES,
    *volume_groups.ROUTES,
)
