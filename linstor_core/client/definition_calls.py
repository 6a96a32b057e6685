"""Resource definitions, volume definitions and clones."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from linstor_core.client.calls import Calls, Entries, filters
from linstor_core.client.errors import UnexpectedReply, api_call_error
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.rest_resources import SyncStatus
from linstor_core.wire.rest_v1 import CloneStarted, CloneStatus, ResourceDefinition, VolumeDefinition


class DefinitionCalls(Calls):
    def resource_definitions(self, names: Sequence[str] = (), props: Sequence[str] = (),
                             with_volume_definitions: bool = False) -> list[ResourceDefinition]:
        query = filters(resource_definitions=names, props=props, with_volume_definitions=with_volume_definitions)
        return self._get(list[ResourceDefinition], "resource-definitions", query=query)

    def resource_definition(self, name: str) -> ResourceDefinition:
        return self._get(ResourceDefinition, "resource-definitions", name)

    def create_resource_definition(self, body: bodies.ResourceDefinitionCreate) -> Entries:
        return self._write("POST", "resource-definitions", body=body)

    def modify_resource_definition(self, name: str, body: bodies.ResourceDefinitionModify) -> Entries:
        return self._write("PUT", "resource-definitions", name, body=body)

    def delete_resource_definition(self, name: str, *, force: bool = False, abandon: bool = False) -> Entries:
        """Deleting what is not there is a warning, not an error. For `force` and `abandon` see `delete_resource`."""
        return self._write("DELETE", "resource-definitions", name, query=filters(force=force, abandon=abandon))

    def rename_resource_definition(self, name: str, new_name: str) -> Entries:
        """Not in LINSTOR's own REST: its controllers answer 404."""
        return self._write("POST", "resource-definitions", name, "rename",
                           body=bodies.ResourceDefinitionRename(new_name=new_name))

    def sync_status(self, name: str) -> SyncStatus:
        return self._get(SyncStatus, "resource-definitions", name, "sync-status")

    def clone(self, source: str, body: bodies.CloneRequest) -> CloneStarted:
        """Begin a clone; `clone_status` tells how far it is."""
        reply = self._send("POST", ("resource-definitions", source, "clone"), None, body)
        started = _clone_started(reply.content, reply.status)
        if reply.status >= 400 or any(entry.is_error for entry in started.messages):
            raise api_call_error(started.messages, reply.status)
        return started

    def clone_status(self, source: str, clone: str) -> CloneStatus:
        return self._get(CloneStatus, "resource-definitions", source, "clone", clone)

    def volume_definitions(self, resource: str) -> list[VolumeDefinition]:
        return self._get(list[VolumeDefinition], "resource-definitions", resource, "volume-definitions")

    def volume_definition(self, resource: str, number: int) -> VolumeDefinition:
        return self._get(VolumeDefinition, "resource-definitions", resource, "volume-definitions", number)

    def create_volume_definition(self, resource: str, body: bodies.VolumeDefinitionCreate) -> Entries:
        return self._write("POST", "resource-definitions", resource, "volume-definitions", body=body)

    def modify_volume_definition(self, resource: str, number: int, body: bodies.VolumeDefinitionModify) -> Entries:
        return self._write("PUT", "resource-definitions", resource, "volume-definitions", number, body=body)

    def change_volume_passphrase(self, resource: str, number: int, passphrase: str) -> Entries:
        """That of an encrypted volume that has one of its own."""
        return self._write("PUT", "resource-definitions", resource, "volume-definitions", number,
                           "encryption-passphrase", body=bodies.PassphraseCreate(new_passphrase=passphrase))

    def delete_volume_definition(self, resource: str, number: int) -> Entries:
        return self._write("DELETE", "resource-definitions", resource, "volume-definitions", number)


def _clone_started(content: bytes, status: int) -> CloneStarted:
    """A clone that was refused may also answer bare entries."""
    try:
        found = msgspec.json.decode(content, type=CloneStarted | list[ApiCallRc])
    except msgspec.DecodeError as error:
        raise UnexpectedReply(f"HTTP status {status} to a clone request: {error}") from error
    return found if isinstance(found, CloneStarted) else CloneStarted(messages=tuple(found))
