"""External files as REST shows them. What they hold is for other programs: lists leave it out."""

from __future__ import annotations

import base64
from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.operations import external_files
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.registers import ExternalFile
from linstor_core.wire import rest_files

NOT_WRITTEN = "Satellites of this release write no external files; put it on the node by other means."


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


def check(cluster: Cluster, call: Call[Any]) -> object:
    """Whether the node would write it. LINSTOR asks the satellite's list of allowed folders, and says no of what it
    does not know; here there is no such list.
    """
    if file := _meant(cluster, call, "check"):
        return file
    return rest_files.ExternalFileCheck(allowed=False)


def status(cluster: Cluster, call: Call[Any]) -> object:
    if meant := _meant(cluster, call, "status"):
        return meant
    node = lookups.node(cluster, call.path["node"], bare=True)
    file = external_files.found(cluster, call.path["file"], bare=True)
    key = external_files.property_of(file.path)
    wanted = any(key in cluster.resource_definitions[key_of(resource.name)].props
                 for resource in cluster.resources_on(node.name))
    return rest_files.ExternalFileStatus(allowed=False, wanted=wanted, deployed=False, message=NOT_WRITTEN)


_ONE = "/v1/files/<anything:file>"

ROUTES = (
    Route("GET", "/v1/files", "External files, with `content=true` what is in them", read=list_files,
          answer=list[rest_files.ExternalFile]),
    Route("GET", _ONE, "One external file with its content", read=show_file, answer=rest_files.ExternalFile),
    Route("GET", f"{_ONE}/check/<node>", "Whether a node would write an external file", read=check,
          answer=rest_files.ExternalFileCheck),
    Route("GET", f"{_ONE}/status/<node>", "How an external file is on a node", read=status,
          answer=rest_files.ExternalFileStatus),
)
