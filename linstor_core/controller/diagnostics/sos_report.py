"""The SOS report: a tar with what somebody needs who is to find out what went wrong, and no secret."""

from __future__ import annotations

import asyncio
import datetime
import io
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from msgspec import Struct

from linstor_core import __version__
from linstor_core.controller.call import Call, Content
from linstor_core.controller.diagnostics.configuration import running
from linstor_core.controller.diagnostics.database_copies import stored_documents
from linstor_core.controller.diagnostics.error_reports import ReportFilter
from linstor_core.controller.diagnostics.instruments import Services
from linstor_core.controller.diagnostics.process_facts import process_facts
from linstor_core.controller.diagnostics.redaction import NEVER, redacted, without_logins
from linstor_core.controller.queries.controller import COMPATIBLE_WITH, REST_API_VERSION
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, Conflict, InvalidInput
from linstor_core.wire import api_call_rc as rc
from linstor_core.wire.rest_diagnostics import ControllerConfig
from linstor_core.wire.rest_v1 import ErrorReport

if TYPE_CHECKING:
    import tarfile

FOLDER = "sos-reports"
KEEP = 10
"""Reports that stay in the folder."""
ERROR_REPORTS = 200
PIECE_BYTES = 256 * 1024


class Findings(Struct, frozen=True):
    """What is gathered in the loop; the rest is found where the tar is made."""

    state: Path
    cluster: Cluster
    config: ControllerConfig
    error_reports: list[ErrorReport]
    log: str
    metrics: dict[str, int]
    moment_ms: int


async def _make(services: Services, call: Call[Any]) -> Path:
    instruments = services.instruments
    reports = await instruments.error_reports.find(ReportFilter(since_ms=_since(call)), limit=ERROR_REPORTS,
                                                   with_content=True)
    requests = {f"{method} {path} {status}": sum(durations.counts)
                for (method, path, status), durations in instruments.traffic.requests.items()}
    findings = Findings(instruments.state, services.controller.cluster, running(instruments), reports,
                        instruments.log_ring.text(), requests, instruments.now_ms())
    try:
        return await asyncio.to_thread(write, findings)
    except OSError as fault:
        raise Conflict("The SOS report could not be written.", Code.UNKNOWN_ERROR, cause=str(fault), bare=True,
                       correction="Check the free space and the permissions of the controller's state folder.",
                       ) from fault


def _since(call: Call[Any]) -> int | None:
    values = call.values("since")
    if not values:
        return None
    if re.fullmatch("[0-9]{1,18}", values[-1]) is None:
        raise InvalidInput(f"'{values[-1][:40]}' is no time.", Code.INVLD_REQUEST, bare=True,
                           correction="Give milliseconds since 1970.")
    return int(values[-1])


def write(findings: Findings) -> Path:
    """Make the tar under a name of its own and drop the oldest ones. Takes its time. Raises OSError."""
    import tarfile

    folder = findings.state / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path, descriptor = _new_file(folder, findings.moment_ms)
    try:
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as tar:
            for name, data in contents(findings):
                _add(tar, f"{path.name.removesuffix('.tar.gz')}/{name}", data, findings.moment_ms)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    for old in sorted(folder.glob("sos_*.tar.gz"), key=lambda found: (found.stat().st_mtime, found.name))[:-KEEP]:
        old.unlink(missing_ok=True)
    return path


def _new_file(folder: Path, moment_ms: int) -> tuple[Path, int]:
    """LINSTOR's name for the moment; a second one in the same second gets a number."""
    moment = datetime.datetime.fromtimestamp(moment_ms / 1000, datetime.UTC).strftime("%Y-%m-%d_%H-%M-%S")
    for number in range(1000):
        path = folder / f"sos_{moment}{f'_{number}' if number else ''}.tar.gz"
        try:
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
    raise FileExistsError(f"{folder} has too many reports of {moment}")


def _add(tar: tarfile.TarFile, name: str, data: bytes, moment_ms: int) -> None:
    member = tar.tarinfo(name)
    member.size, member.mtime, member.mode = len(data), moment_ms // 1000, 0o600
    tar.addfile(member, io.BytesIO(data))


def contents(findings: Findings) -> Iterator[tuple[str, bytes]]:
    """(name, data) of every file in the report."""
    yield "README.txt", _readme(findings).encode()
    yield "controller/versions.json", _json(_versions())
    yield "controller/config.json", _json(findings.config)
    yield "controller/system.json", _json(_system(findings.state))
    yield "controller/requests.json", _json(findings.metrics)
    yield "controller/log.txt", without_logins(findings.log).encode()
    for report in findings.error_reports:
        yield f"controller/error-reports/{report.filename}", without_logins(report.text).encode()
    yield "cluster/documents.json", _documents(findings.cluster)
    yield from _seen(findings.cluster)


def _seen(cluster: Cluster) -> Iterator[tuple[str, bytes]]:
    yield "cluster/satellites-seen.json", _lines(seen for _, seen in sorted(cluster.nodes_seen.items()))
    yield "cluster/pools-seen.json", _lines(seen for _, seen in sorted(cluster.pools_seen.items()))
    yield "cluster/resources-seen.json", _lines(seen for _, seen in sorted(cluster.resources_seen.items()))
    yield "cluster/generations.json", _json({f"{definition} on {node}": generation for (definition, node), generation
                                             in sorted(cluster.generations.items())})


def _readme(findings: Findings) -> str:
    moment = datetime.datetime.fromtimestamp(findings.moment_ms / 1000, datetime.UTC).isoformat()
    return (f"SOS report of a LINSTOR controller, made {moment}.\n\n"
            "cluster/documents.json   what the database holds, a document a line; secrets are removed\n"
            "cluster/*-seen.json      what satellites reported last\n"
            "controller/              versions, configuration, machine, log, error reports\n\n"
            "The master key and all tokens are left out; passwords, passphrases and shared secrets are replaced.\n"
            "Names and addresses of nodes are in it: look it through before you pass it on.\n")


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _lines(values: Iterator[object]) -> bytes:
    return b"".join(msgspec.json.encode(value) + b"\n" for value in values)


def _documents(cluster: Cluster) -> bytes:
    return _lines({"kind": kind, "document": redacted(kind, document)}
                  for kind, document in stored_documents(cluster) if kind not in NEVER)


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"linstor-core": __version__, "compatible_with": COMPATIBLE_WITH, "rest_api": REST_API_VERSION,
             "python": sys.version, "kernel": platform.release(), "machine": platform.machine()}
    for package in ("msgspec", "flask", "werkzeug", "uvicorn", "httptools", "uvloop", "sqlalchemy", "immutables",
                    "websockets", "cryptography"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _system(state: Path) -> dict[str, object]:
    memory = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()[:3]
    disk = shutil.disk_usage(state)
    files = {file.name: file.stat().st_size for file in sorted(state.glob("linstor.db*"))}
    return {"host": platform.node(), "processors": os.cpu_count(), "load": os.getloadavg(), "memory": memory,
            "state_folder": {"path": str(state), "total_bytes": disk.total, "free_bytes": disk.free},
            "database_bytes": files, "process": process_facts()}


async def create(services: Services, call: Call[Any]) -> object:
    path = await _make(services, call)
    return [call.rc(rc.Severity.SUCCESS, rc.CREATED, f"The SOS report is {path}.", refs={"path": str(path)})]


async def download(services: Services, call: Call[Any]) -> object:
    path = await _make(services, call)
    # Opened now, so that the next reports can't take it away.
    return Content(_pieces(path.open("rb")), "application/octet-stream", file_name=path.name)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece


_PATH = "/v1/sos-report"
ROUTES = (
    Route("GET", _PATH, "Write an SOS report into the state folder; `since` limits its error reports", service=create,
          answer=list[rc.ApiCallRc], success=201),
    Route("GET", f"{_PATH}/download", "Make an SOS report and send it", service=download, media_types=(),
          answer=bytes),
)
