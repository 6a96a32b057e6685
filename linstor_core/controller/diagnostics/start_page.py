"""What somebody sees who opens the controller's address, and the space report."""

from __future__ import annotations

from typing import Any

from linstor_core import __version__
from linstor_core.controller.call import Call, Content
from linstor_core.controller.queries.controller import REST_API_VERSION
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.wire.rest_v1 import Document


class StartPage(Document, frozen=True):
    name: str
    version: str
    rest_api_version: str
    links: dict[str, str]


class SpaceReport(Document, frozen=True, rename="camel"):
    report_text: str = ""


def start_page(_: Cluster, __: Call[Any]) -> object:
    """JSON, as LINSTOR calls what it sends here. Open to callers without a token: it tells nothing of the cluster."""
    return StartPage(name="linstor-controller", version=__version__, rest_api_version=REST_API_VERSION,
                     links={"rest": "/v1", "description": "/docs", "health": "/health", "metrics": "/metrics"})


def no_web_ui(_: Cluster, __: Call[Any]) -> object:
    return Content(b"<!DOCTYPE html><title>LINSTOR</title><p>No web interface is installed on this controller. "
                   b"<a href='/docs'>Description of the REST API</a></p>\n", "text/html; charset=ISO-8859-1", 404)


def space_report(_: Cluster, __: Call[Any]) -> object:
    """LINSTOR sells space tracking as a service of its own and answers this text without it."""
    return SpaceReport(report_text="The SpaceTracking service is not installed.")


ROUTES = (
    Route("GET", "/", "What answers here", read=start_page, answer=StartPage, media_types=()),
    Route("GET", "/ui", "The web interface, where one is installed", read=no_web_ui, answer=str),
    Route("GET", "/v1/space-report", "What the space tracking service has to say", read=space_report,
          answer=SpaceReport),
)
