"""Backups are not supported yet: each call is refused once its objects are known to exist."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import remotes
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, InvalidInput, LinstorError, NotFound
from linstor_core.domain.registers import S3Remote
from linstor_core.wire.api_call_rc import Operation, Subject
from linstor_core.wire.rest_backups import BackupInfo, Backups
from linstor_core.wire.rest_remotes import BackupRequest


def _refuse(cluster: Cluster, call: Call[Any], *, bare: bool = False) -> NoReturn:
    """Raises NotFound (321) for an unknown remote, else InvalidInput (239 where a store is asked for, 238)."""
    remote = remotes.found(cluster, call.path["remote"], bare=bare)
    code = Code.INVLD_BACKUP_CONFIG if isinstance(remote, S3Remote) else Code.INVLD_REMOTE_NAME
    raise InvalidInput(f"No backups are kept at '{remote.name}'.", code, bare=bare,
                       cause="This release ships no data to remotes, and reads none from there.",
                       correction="Take snapshots; copy data with a tool of the platform.")


def show(cluster: Cluster, call: Call[Any]) -> object:
    _refuse(cluster, call)


def inform(cluster: Cluster, _: Context, call: Call[BackupRequest]) -> Change:
    _refuse(cluster, call)


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
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


def receive(_: Cluster, __: Context, ___: Call[msgspec.Raw]) -> Change:
    """What another cluster asks of this one. It learns from the refusal that nothing will arrive."""
    raise InvalidInput("This cluster takes no backups from others.", Code.INVLD_BACKUP_CONFIG,
                       cause="This release neither ships data to other clusters nor receives any.",
                       correction="Ship to a cluster that does, or copy the data with a tool of the platform.")


_PATH = "/v1/remotes/<remote>/backups"
_INTERNAL = ("requestShip", "requestReceive", "requestReceiveDone", "requestPrepareAbort", "requestPrevSnap")

ROUTES = (
    Route("GET", _PATH, "Refused: no backups are kept", read=show, mask=Subject.BACKUP, answer=Backups),
    Route("POST", _PATH, "Refused: no backups are made", write=create, body=BackupRequest),
    Route("DELETE", _PATH, "Refused: no backups are kept", write=delete, mask=Operation.DELETE | Subject.BACKUP),
    Route("POST", f"{_PATH}/info", "Refused: no backups are kept", write=inform, body=BackupRequest,
          mask=Subject.BACKUP, answer=BackupInfo),
    Route("POST", f"{_PATH}/ship", "Refused: no backups are made", write=ship, body=BackupRequest),
    Route("POST", f"{_PATH}/restore", "Refused: no backups are kept", write=ship, body=BackupRequest),
    Route("POST", f"{_PATH}/abort", "Refused: no backups are made", write=abort, body=BackupRequest),
    *(Route("POST", f"/v1/internal/backups/{name}", "Refused: no backups are taken from other clusters",
            write=receive, body=msgspec.Raw, lenient=True, mask=Subject.BACKUP) for name in _INTERNAL),
)
