"""Pure functions from a Cluster to a Change, one module a noun."""

from linstor_core.controller.operations import encryption
from linstor_core.controller.route import Route

ROUTES: tuple[Route, ...] = (
    *encryption.ROUTES,
)
