"""The controller's version, properties and health."""

from __future__ import annotations

from typing import Any

from linstor_core import __version__
from linstor_core.controller.call import Call
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.wire.rest_v1 import ControllerVersion

REST_API_VERSION = "1.28.0"
COMPATIBLE_WITH = "1.34.0"
"""The LINSTOR release whose behaviour this controller has; clients decide by it what they may ask."""


def version(_: Cluster, __: Call[Any]) -> object:
    return {"version": COMPATIBLE_WITH, "git_hash": f"linstor-python-{__version__}",
            "build_time": "1970-01-01T00:00:00+00:00", "rest_api_version": REST_API_VERSION}


def properties(cluster: Cluster, _: Call[Any]) -> object:
    return cluster.controller.props


def health(_: Cluster, __: Call[Any]) -> object:
    return None


ROUTES = (
    Route("GET", "/v1/controller/version", "Version of the controller and of its REST API", read=version,
          answer=ControllerVersion),
    Route("GET", "/v1/controller/properties", "Properties of the whole cluster", read=properties,
          answer=dict[str, str]),
    Route("GET", "/health", "Whether the controller serves", read=health),
)
