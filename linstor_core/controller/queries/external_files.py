"""External files as REST shows them. What they hold is for other programs: lists leave it out."""

from __future__ import annotations

import base64
from typing import Any, Protocol

from linstor_core.controller import lookups, node_files
from linstor_core.controller.call import Call
from linstor_core.controller.node_files import CheckFile
from linstor_core.controller.operations import external_files
from linstor_core.controller.operations.external_files import checked_path
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, Conflict, InvalidInput
from linstor_core.domain.observed import ExternalFileSeen, Failure
from linstor_core.domain.registers import ExternalFile
from linstor_core.wire import rest_files


class _Controller(Protocol):
    @property
    def cluster(self) -> Cluster: ...


class Services(Protocol):
    """What these calls need of the application's Services."""

    @property
    def controller(self) -> _Controller: ...

    @property
    def check_file(self) -> CheckFile: ...


def _shown(file: ExternalFile, with_content: bool) -> rest_files.ExternalFile:
    return rest_files.ExternalFile(path=file.path,
                                   content=base64.b64encode(file.content).decode() if with_content else None)


def list_files(cluster: Cluster, call: Call[Any]) -> object:
    found = (cluster.external_files[key] for key in sorted_keys(cluster, "external_files"))
    return [_shown(file, call.flag("content")) for file in found]


def show_file(cluster: Cluster, call: Call[Any]) -> object:
    return _shown(external_files.found(cluster, call.path["file"], bare=True), with_content=True)


def _meant(cluster: Cluster, call: Call[Any], word: str) -> rest_files.ExternalFile | None:
    """The file whose own path ends like the URLs of these questions: once decoded, the two look the same."""
    file = cluster.external_files.get(f"{call.path['file']}/{word}/{call.path['node']}")
    return _shown(file, with_content=True) if file is not None else None


async def check(services: Services, call: Call[Any]) -> object:
    """Whether the node would write it, by the folders that its satellite was told to allow; it need not exist.

    What is no path, and a node that does not exist, are answered with a no, as LINSTOR does.
    """
    cluster = services.controller.cluster
    if file := _meant(cluster, call, "check"):
        return file
    try:
        path = checked_path(call.path["file"], bare=True)
    except InvalidInput:
        return rest_files.ExternalFileCheck(allowed=False)
    if cluster.node(call.path["node"]) is None:
        return rest_files.ExternalFileCheck(allowed=False)
    return rest_files.ExternalFileCheck(allowed=(await _asked(services, call, path)).allowed)


async def status(services: Services, call: Call[Any]) -> object:
    cluster = services.controller.cluster
    if meant := _meant(cluster, call, "status"):
        return meant
    lookups.node(cluster, call.path["node"], bare=True)
    file = external_files.found(cluster, call.path["file"], bare=True)
    seen = await _asked(services, call, file.path)
    failure = seen.failure
    message = " ".join((f"{failure.message}.", failure.cause, failure.correction)).strip() if failure else ""
    return rest_files.ExternalFileStatus(
        allowed=seen.allowed, wanted=file.path in node_files.wanted(cluster, key_of(call.path["node"])),
        deployed=seen.deployed, message=message)


async def _asked(services: Services, call: Call[Any], path: str) -> ExternalFileSeen:
    """What the node's satellite answers. Raises NotFound (301), Conflict (995) where it does not."""
    node = lookups.node(services.controller.cluster, call.path["node"], bare=True)
    if not node.type.runs_satellite:
        return ExternalFileSeen(path, False, False, False, Failure(
            f"The node '{node.name}' runs no satellite", "Satellites write external files.",
            "Put the file on the node by other means."))
    seen = await services.check_file(key_of(node.name), path)
    if seen is None:
        raise Conflict(f"The satellite '{node.name}' can't be asked about the external file '{path}'.",
                       Code.NOT_CONNECTED, cause="It is not connected, of a release without external files, or does "
                       "not answer in time.", correction="Ask again when it is there.", bare=True,
                       refs={"Node": node.name, "ExtFile": path})
    return seen


_ONE = "/v1/files/<anything:file>"

ROUTES = (
    Route("GET", "/v1/files", "External files, with `content=true` what is in them", read=list_files,
          answer=list[rest_files.ExternalFile]),
    Route("GET", _ONE, "One external file with its content", read=show_file, answer=rest_files.ExternalFile),
    Route("GET", f"{_ONE}/check/<node>", "Whether a node would write an external file", service=check,
          answer=rest_files.ExternalFileCheck),
    Route("GET", f"{_ONE}/status/<node>", "How an external file is on a node", service=status,
          answer=rest_files.ExternalFileStatus),
)
