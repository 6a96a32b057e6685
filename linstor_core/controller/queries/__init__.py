"""Pure views of the published cluster, one module a noun."""

from linstor_core.controller.queries import (
    controller,
    nodes,
    registers,
    resource_definitions,
    resource_groups,
    resources,
    storage_pools,
)
from linstor_core.controller.route import Route

ROUTES: tuple[Route, ...] = (
    *controller.ROUTES,
    *nodes.ROUTES,
    *registers.ROUTES,
    *resource_definitions.ROUTES,
    *resource_groups.ROUTES,
    *resources.ROUTES,
    *storage_pools.ROUTES,
)
