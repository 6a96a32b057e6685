"""Pure views of the published cluster, one module a noun."""

from linstor_core.controller.queries import (
    controller,
    explain,
    external_files,
    jobs,
    nodes,
    orphans,
    overview,
    property_info,
    registers,
    resource_definitions,
    resource_groups,
    resources,
    schedules,
    size_info,
    snapshots,
    storage_pools,
    tombstones,
)
from linstor_core.controller.route import Route

ROUTES: tuple[Route, ...] = (
    *controller.ROUTES,
    *explain.ROUTES,
    *external_files.ROUTES,
    *jobs.ROUTES,
    *nodes.ROUTES,
    *orphans.ROUTES,
    *overview.ROUTES,
    *property_info.ROUTES,
    *registers.ROUTES,
    *resource_definitions.ROUTES,
    *resource_groups.ROUTES,
    *resources.ROUTES,
    *schedules.ROUTES,
    *size_info.ROUTES,
    *snapshots.ROUTES,
    *storage_pools.ROUTES,
    *tombstones.ROUTES,
)
