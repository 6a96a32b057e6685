"""Files of other programs: kept for callers, and attached to the definitions whose resources need them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from msgspec import structs

from linstor_core.controller import lookups, node_files
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.node_files import property_of
from linstor_core.controller.operations.progress import NOT_CONNECTED
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, InvalidInput, NotFound
from linstor_core.domain.registers import ExternalFile
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_files import ExternalFileBody

WARN_NOT_FOUND = 3000
WARN_NO_EFFECT = 3001
WAIT_S = 20.0
"""How long a caller is kept waiting for nodes at most; they go on by themselves."""
MAX_CONTENT_BYTES = 1024 * 1024
MAX_TOTAL_BYTES = 32 * 1024 * 1024
"""Of all external files together: a node may need every one of them, and is told of all in one message."""
MAX_PATH_BYTES = 400
"""The length of a path, so that it can be a key of every database."""


def checked_path(path: str, *, bare: bool = False) -> str:
    """An absolute path that means one file only. Raises InvalidInput (235)."""
    if not path.startswith("/"):
        cause = "It does not start with '/'. In a URL, the slashes of the path are written as %2F."
    elif len(path.encode()) > MAX_PATH_BYTES:
        cause = f"It is longer than {MAX_PATH_BYTES} bytes."
    elif any(part in ("", ".", "..") for part in path[1:].split("/")):
        cause = "It names a folder, or has an empty part, '.' or '..' in it."
    elif not path.isprintable():
        cause = "It has characters in it that can't be shown."
    else:
        return path
    raise InvalidInput(f"'{path}' can't be the path of an external file.", Code.INVLD_EXT_FILE_NAME, cause=cause,
                       correction="For instance /etc/drbd-reactor.d/volume.toml.", bare=bare)


def found(cluster: Cluster, path: str, *, bare: bool = False) -> ExternalFile:
    """Raises NotFound (320), InvalidInput (235)."""
    file = cluster.external_files.get(checked_path(path, bare=bare))
    if file is None:
        raise NotFound(f"There is no external file '{path}'.", Code.NOT_FOUND_EXT_FILE, bare=bare,
                       cause="It is not registered.", correction="Compare the path with 'linstor file list'.")
    return file


def put(cluster: Cluster, context: Context, call: Call[ExternalFileBody]) -> Change:
    """Registers a file or replaces its content."""
    path = call.path["file"]
    refs = {"ExtFile": path}
    with lookups.about(**refs):
        checked_path(path)
        if call.body.path is not None and call.body.path != path:
            raise InvalidInput("The paths in the URL and in the body differ.", Code.INVLD_EXT_FILE_NAME,
                               details=f"{path} and {call.body.path}", correction="Leave the one in the body out.")
        content = _decoded(call.body.content)
        _check_total(cluster, path, content)
    before = cluster.external_files.get(path)
    file = ExternalFile(context.new_uuid(), path, content) if before is None else structs.replace(
        before, content=content)
    code, what = (CREATED, "is registered") if before is None else (MODIFIED, "has new content")
    return Change((file,), answers=(call.rc(Severity.SUCCESS, code, f"External file '{path}' {what}.",
                                            details=f"{len(content)} bytes", refs=refs),),
                  **_awaited(call, path, node_files.holders(cluster, path)))


def _decoded(text: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("The content of the file can't be read.", Code.INVLD_EXT_FILE,
                           cause="It is not base64.", correction="Encode the content, whatever it is.") from None
    if len(content) > MAX_CONTENT_BYTES:
        raise InvalidInput(f"The file has {len(content)} bytes.", Code.INVLD_EXT_FILE,
                           cause=f"An external file has at most {MAX_CONTENT_BYTES} bytes: it is kept in the database "
                                 "and sent to nodes whole.", correction="Distribute large files by other means.")
    return content


def _check_total(cluster: Cluster, path: str, content: bytes) -> None:
    others = sum(len(file.content) for file in cluster.external_files.values() if file.path != path)
    if others + len(content) > MAX_TOTAL_BYTES:
        raise InvalidInput("All external files together would be too large.", Code.INVLD_EXT_FILE,
                           cause=f"They may have {MAX_TOTAL_BYTES} bytes, the others have {others}.",
                           correction="Delete files that nothing needs, or distribute large ones by other means.")


def _awaited(call: Call[Any], path: str, node_keys: Iterable[str]) -> dict[str, Any]:
    """What makes a caller wait until the nodes have answered, and hear of those where the file is not as it should."""
    nodes = sorted(node_keys)

    def outcome(cluster: Cluster) -> tuple[ApiCallRc, ...] | None:
        present = [key for key in nodes if key in cluster.nodes]
        if any(_is_open(cluster, key) for key in present):
            return None
        entries = (_warning(cluster, call, path, key) for key in present)
        return tuple(entry for entry in entries if entry is not None)

    return {"outcome": outcome, "watch": tuple(nodes), "wait_s": WAIT_S} if nodes else {}


def _is_open(cluster: Cluster, node_key: str) -> bool:
    seen = cluster.nodes_seen.get(node_key)
    return (seen is not None and seen.files_generation is not None and cluster.is_online(node_key)
            and seen.files_generation < node_files.generation(cluster, node_key))


def _warning(cluster: Cluster, call: Call[Any], path: str, node_key: str) -> ApiCallRc | None:
    name, seen = cluster.nodes[node_key].name, cluster.nodes_seen.get(node_key)
    refs = {"ExtFile": path, "Node": name}
    if seen is None or not cluster.is_online(node_key):
        return call.rc(Severity.WARN, NOT_CONNECTED, f"The node '{name}' is not connected.",
                       cause="The controller has no connection to the satellite of this node.",
                       correction="Nothing has to be repeated: the node catches up when it is connected.", refs=refs)
    if seen.files_generation is None:
        return call.rc(Severity.WARN, WARN_NO_EFFECT, f"The node '{name}' can't write external files.",
                       cause="Its satellite is of an older release.", correction="Upgrade the satellite.", refs=refs)
    failure = next((file.failure for file in seen.files if file.path == path), None)
    if failure is None:
        return None
    return call.rc(Severity.WARN, WARN_NO_EFFECT, f"Node '{name}': {failure.message}.", cause=failure.cause,
                   correction=failure.correction, details=failure.details, refs=refs)


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    """It is detached from all definitions."""
    path = call.path["file"]
    refs = {"ExtFile": path}
    if path not in cluster.external_files:
        return Change(answers=(call.rc(Severity.WARN, WARN_NOT_FOUND, f"There is no external file '{path}'.",
                                       refs=refs),))
    key = property_of(path)
    holders = [definition for definition in cluster.resource_definitions.values() if key in definition.props]
    return Change(tuple(_without(definition, key) for definition in holders), ((ExternalFile, path),), (
        call.rc(Severity.SUCCESS, DELETED, f"External file '{path}' is deleted.",
                details=f"It was attached to {len(holders)} resource definition(s).", refs=refs),),
        **_awaited(call, path, node_files.holders(cluster, path)))


def attach(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    name, path = call.path["resource"], call.path["file"]
    refs = {"RscDfn": name, "ExtFile": path}
    with lookups.about(**refs):
        definition = lookups.definition(cluster, name)
        file = found(cluster, path)
    changed = structs.replace(definition, props={**definition.props, property_of(file.path): "True"})
    return Change((changed,), answers=(
        call.rc(Severity.SUCCESS, MODIFIED, f"External file '{path}' is attached to '{definition.name}'.", refs=refs),),
        **_awaited(call, path, cluster.nodes_of.get(key_of(name), ())))


def detach(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    name, path = call.path["resource"], call.path["file"]
    refs = {"RscDfn": name, "ExtFile": path}
    with lookups.about(**refs):
        definition = lookups.definition(cluster, name)
    key = property_of(path)
    if key not in definition.props:
        return Change(answers=(call.rc(
            Severity.WARN, WARN_NOT_FOUND, f"External file '{path}' is not attached to '{definition.name}'.",
            refs=refs),))
    return Change((_without(definition, key),), answers=(
        call.rc(Severity.SUCCESS, MODIFIED, f"External file '{path}' is detached from '{definition.name}'.",
                refs=refs),), **_awaited(call, path, cluster.nodes_of.get(key_of(name), ())))


def _without(definition: ResourceDefinition, key: str) -> ResourceDefinition:
    props: dict[str, Any] = {name: value for name, value in definition.props.items() if name != key}
    return structs.replace(definition, props=props)


_ONE = "/v1/files/<anything:file>"
_ATTACHED = "/v1/resource-definitions/<resource>/files/<anything:file>"
_MODIFY = Operation.MODIFY | Subject.EXT_FILES

ROUTES = (
    Route("PUT", _ONE, "Register an external file, or replace its content", write=put, body=ExternalFileBody,
          mask=_MODIFY),
    Route("DELETE", _ONE, "Delete an external file and detach it everywhere", write=delete,
          mask=Operation.DELETE | Subject.EXT_FILES),
    Route("POST", _ATTACHED, "Attach an external file to a definition", write=attach, mask=_MODIFY),
    Route("DELETE", _ATTACHED, "Detach an external file from a definition", write=detach, mask=_MODIFY),
)
