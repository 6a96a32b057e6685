"""Pure views of the published cluster, one module a noun."""

from linstor_core.controller.queries import controller, nodes, resource_groups, storage_pools
from linstor_core.controller.route import Route

ROUTES: tuple[Route, ...] = (
    *controller.ROUTES,
    *nodes.ROUTES,
    *resource_groups.ROUTES,
    *storage_pools.ROUTES,
)
