"""Copies of the database while the controller runs: a file in the state folder, or one JSON document."""

from __future__ import annotations

import asyncio
import datetime
import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from linstor_core import __version__
from linstor_core.controller import migrations
from linstor_core.controller.call import Call, Content
from linstor_core.controller.diagnostics.instruments import Services
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import KINDS, Cluster, Document
from linstor_core.domain.errors import Code, Conflict, InvalidInput
from linstor_core.wire import api_call_rc as rc
from linstor_core.wire.rest_diagnostics import DatabaseBackup, DatabaseExport

FOLDER = "backups"
PIECE = 500
"""Documents that are encoded in one turn of the loop."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def _stamp(now_ms: int) -> str:
    return datetime.datetime.fromtimestamp(now_ms / 1000, datetime.UTC).strftime("%Y-%m-%d_%H-%M-%S")


def backup_path(state: Path, name: str | None, now_ms: int) -> Path:
    """Raises InvalidInput for a name that is more than a file's name."""
    chosen = name or f"linstordb-backup-{_stamp(now_ms)}"
    if not _NAME.fullmatch(chosen):
        raise InvalidInput(f"'{chosen}' is no name for a backup.", Code.INVLD_REQUEST, bare=True,
                           correction="Use letters, digits, dots, dashes and underscores, and no folder.")
    return state / FOLDER / f"{chosen.removesuffix('.db')}.db"


def write_backup(path: Path, copy_database: Callable[[Path], None]) -> None:
    """Raises InvalidInput rather than overwrite a file, Conflict when the disk refuses."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise InvalidInput(f"The backup {path} exists.", Code.INVLD_REQUEST, bare=True,
                           correction="Choose another name; backups are never overwritten.") from None
    except OSError as fault:
        raise _no_disk(path, fault) from fault
    try:
        copy_database(path)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as fault:
        path.unlink(missing_ok=True)
        raise _no_disk(path, fault) from fault
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _no_disk(path: Path, fault: OSError) -> Conflict:
    return Conflict(f"The backup {path} could not be written.", Code.UNKNOWN_ERROR, cause=str(fault), bare=True,
                    correction="Check the free space and the permissions of the controller's state folder.")


async def backup(services: Services, call: Call[DatabaseBackup]) -> object:
    instruments = services.instruments
    path = backup_path(instruments.state, call.body.backup_name, instruments.now_ms())
    await asyncio.to_thread(write_backup, path, instruments.copy_database)
    return [call.rc(rc.Severity.SUCCESS, 0, f"The database is copied to {path}. The copy holds secrets.",
                    refs={"backup_location": str(path)})]


async def export(services: Services, call: Call[DatabaseExport]) -> object:
    cluster, now_ms = services.controller.cluster, services.instruments.now_ms()
    return Content(exported(cluster, now_ms, call.body.comment or ""), "application/json", 201)


def exported(cluster: Cluster, now_ms: int, comment: str) -> Iterator[bytes]:
    """All that the database holds, secrets included, in pieces of one JSON object."""
    head = msgspec.json.encode({"format": "linstor-python", "version": __version__, "schema": migrations.SCHEMA,
                                "revision": cluster.revision, "exported_at_ms": now_ms, "comment": comment})
    yield head[:-1] + b',"documents":['
    rows = stored_documents(cluster)
    separator = b""
    while piece := list(islice(rows, PIECE)):
        yield separator + b",".join(
            msgspec.json.encode({"kind": kind, "version": migrations.VERSIONS[kind], "body": document})
            for kind, document in piece)
        separator = b","
    yield b"]}"


def stored_documents(cluster: Cluster) -> Iterator[tuple[str, Document]]:
    """(kind, document) of everything that survives a restart."""
    for kind in KINDS.values():
        if not kind.persistent:
            continue
        found = getattr(cluster, kind.attribute)
        if found is None:
            continue
        if isinstance(found, msgspec.Struct):
            yield kind.name, found
        else:
            for key in sorted(found):
                yield kind.name, found[key]


ROUTES = (
    Route("POST", "/v1/controller/backup/db", "Copy the database into the state folder", service=backup,
          body=DatabaseBackup, mask=rc.Operation.CREATE, success=201, lenient=True),
    Route("POST", "/v1/controller/database/export", "The database as one JSON document, secrets included",
          service=export, body=DatabaseExport, answer=dict[str, Any], success=201, lenient=True),
)
