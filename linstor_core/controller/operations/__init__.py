"""Pure functions from a Cluster to a Change, one module a noun."""

from linstor_core.controller.operations import (
    controller_props,
    encryption,
    nodes,
    storage_pools,
)
from linstor_core.controller.route import Route

ROUTES: tuple[Route, ...] = (
    *controller_props.ROUTES,
    *encryption.ROUTES,
    *nodes.ROUTES,
    *storage_pools.ROUTES,
)
