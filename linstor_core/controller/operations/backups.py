"""Backups are not supported yet: each call is refused with what LINSTOR gives for such a remote."""

from __future__ import annotations

from typing import Any, NoReturn

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import remotes
from linstor_core.controller.route import Route
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, InvalidInput, LinstorError, NotFound
from linstor_core.wire.api_call_rc import Subject
from linstor_core.wire.rest_remotes import BackupRequest


def _refuse(cluster: Cluster, call: Call[Any], *, bare: bool = False) -> NoReturn:
    """Raises NotFound (321) for an unknown remote, else InvalidInput (239)."""
    remote = remotes.found(cluster, call.path["remote"], bare=bare)
    raise InvalidInput(f"No backups are kept at '{remote.name}'.", Code.INVLD_REMOTE_NAME, bare=bare,
                       cause="This release ships no data to remotes.",
                       correction="Take snapshots; copy data with a tool of the platform.")


def show(cluster: Cluster, call: Call[Any]) -> object:
    _refuse(cluster, call)


def inform(cluster: Cluster, _: Context, call: Call[BackupRequest]) -> Change:
    _refuse(cluster, call)


def create(cluster: Cluster, _: Context, call: Call[BackupRequest]) -> Change:
    name = call.body.rsc_name or ""
    if cluster.definition(name) is None:
        raise NotFound(f"There is no resource definition '{name}'.", Code.NOT_FOUND_RSC_DFN, bare=True,
                       cause="It is not registered.", correction="Compare the name with 'linstor resource-definition "
                       "list'.")
    _refuse(cluster, call, bare=True)


def ship(cluster: Cluster, _: Context, call: Call[BackupRequest]) -> Change:
    _refuse(cluster, call, bare=True)


def abort(cluster: Cluster, _: Context, call: Call[BackupRequest]) -> Change:
    try:
        names.resource_name(call.body.rsc_name)
    except LinstorError as fault:
        fault.bare = True
        raise
    _refuse(cluster, call, bare=True)


_PATH = "/v1/remotes/<remote>/backups"

ROUTES = (
    Route("GET", _PATH, "Refused: no backups are kept", read=show, mask=Subject.BACKUP),
    Route("POST", _PATH, "Refused: no backups are made", write=create, body=BackupRequest),
    Route("POST", f"{_PATH}/info", "Refused: no backups are kept", write=inform, body=BackupRequest,
          mask=Subject.BACKUP),
    Route("POST", f"{_PATH}/ship", "Refused: no backups are made", write=ship, body=BackupRequest),
    Route("POST", f"{_PATH}/restore", "Refused: no backups are kept", write=ship, body=BackupRequest),
    Route("POST", f"{_PATH}/abort", "Refused: no backups are made", write=abort, body=BackupRequest),
)
