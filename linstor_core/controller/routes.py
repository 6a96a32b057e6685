"""REST as one table: what every method and path takes, does and answers.

The pieces come from the noun's own module: `operations/<noun>.py` and `queries/<noun>.py` each export `ROUTES`.
"""

from __future__ import annotations

from linstor_core.controller import encryption, joining, physical_storage
from linstor_core.controller.api_description import routes_describing
from linstor_core.controller.diagnostics import ROUTES as DIAGNOSTICS
from linstor_core.controller.operations import ROUTES as WRITES
from linstor_core.controller.queries import ROUTES as READS
from linstor_core.controller.route import Route

_NOUNS: tuple[Route, ...] = (*READS, *WRITES, *DIAGNOSTICS, *encryption.ROUTES, *joining.ROUTES,
                             *physical_storage.ROUTES)

ROUTES: tuple[Route, ...] = (*_NOUNS, *routes_describing(_NOUNS))
