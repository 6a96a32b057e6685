"""What somebody sees who opens the controller's address, and the space report."""

from __future__ import annotations

from typing import Any

from linstor_core.controller.call import Call
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.wire.rest_v1 import Document


class SpaceReport(Document, frozen=True, rename="camel"):
    report_text: str = ""


def space_report(_: Cluster, __: Call[Any]) -> object:
    """LINSTOR sells space tracking as a service of its own and answers this text without it."""
    return SpaceReport(report_text="The SpaceTracking service is not installed.")


ROUTES = (
    Route("GET", "/v1/space-report", "What the space tracking service has to say", read=space_report,
          answer=SpaceReport),
)
