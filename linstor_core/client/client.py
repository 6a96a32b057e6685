"""LinstorClient: one typed method an endpoint, for one or more controllers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from linstor_core.client.certificate_calls import CertificateCalls
from linstor_core.client.connection_calls import ConnectionCalls
from linstor_core.client.controller_calls import ControllerCalls
from linstor_core.client.definition_calls import DefinitionCalls
from linstor_core.client.diagnostic_calls import DiagnosticCalls
from linstor_core.client.file_calls import FileCalls
from linstor_core.client.group_calls import GroupCalls
from linstor_core.client.job_calls import JobCalls
from linstor_core.client.node_calls import NodeCalls
from linstor_core.client.remote_calls import RemoteCalls
from linstor_core.client.resource_calls import ResourceCalls
from linstor_core.client.snapshot_calls import SnapshotCalls
from linstor_core.client.tombstone_calls import TombstoneCalls
from linstor_core.client.transport import Credentials, HttpTransport, Transport
from linstor_core.client.uris import controller_urls

CONTROLLERS_VARIABLE = "LS_CONTROLLERS"
TOKEN_FILE = Path("/var/lib/linstor.d/auth.json")
"""Where LINSTOR keeps the token of a node's own administrator."""


class LinstorClient(NodeCalls, GroupCalls, DefinitionCalls, ResourceCalls, SnapshotCalls, ConnectionCalls, JobCalls,
                    RemoteCalls, FileCalls, ControllerCalls, DiagnosticCalls, TombstoneCalls,
                    CertificateCalls):
    """`controllers` are URIs (linstor://, linstor+ssl://, http://, https://) tried in order; see `transport`.

    Not for several threads at a time: make one each.
    """

    def __init__(self, controllers: str | Sequence[str] = "", *, timeout_s: float = 300.0,
                 credentials: Credentials | None = None, transport: Transport | None = None) -> None:
        """Raises ValueError where `controllers` holds something that is no address."""
        text = controllers if isinstance(controllers, str) else ",".join(controllers)
        super().__init__(transport or HttpTransport(controller_urls(text), timeout_s, credentials))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, *,
                         timeout_s: float = 300.0) -> LinstorClient:
        """The controllers in LS_CONTROLLERS, or the one on this machine."""
        return cls(environment.get(CONTROLLERS_VARIABLE, ""), timeout_s=timeout_s,
                   credentials=Credentials(token=local_token()))


def local_token(file: Path = TOKEN_FILE) -> str:
    """The token that this machine may use; empty where there is none or it is not for this user."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return ""
    token = found.get("token") if isinstance(found, dict) else None
    return token if isinstance(token, str) else ""
