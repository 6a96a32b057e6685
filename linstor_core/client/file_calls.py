"""Files that satellites write for other programs, and the resources they go with."""

from __future__ import annotations

from linstor_core.client.calls import Calls, Entries
from linstor_core.wire.rest_files import ExternalFile, ExternalFileBody, ExternalFileCheck, ExternalFileStatus


class FileCalls(Calls):
    """A file is named by its whole path on the nodes."""

    def files(self) -> list[ExternalFile]:
        """Without their content."""
        return self._get(list[ExternalFile], "files")

    def file(self, path: str) -> ExternalFile:
        return self._get(ExternalFile, "files", path)

    def modify_file(self, path: str, body: ExternalFileBody) -> Entries:
        """Also makes one that is not there."""
        return self._write("PUT", "files", path, body=body)

    def delete_file(self, path: str) -> Entries:
        """Here and on all nodes."""
        return self._write("DELETE", "files", path)

    def file_allowed(self, path: str, node: str) -> ExternalFileCheck:
        return self._get(ExternalFileCheck, "files", path, "check", node)

    def file_status(self, path: str, node: str) -> ExternalFileStatus:
        return self._get(ExternalFileStatus, "files", path, "status", node)

    def deploy_file(self, resource: str, path: str) -> Entries:
        """Write it on every node that has the resource."""
        return self._write("POST", "resource-definitions", resource, "files", path)

    def undeploy_file(self, resource: str, path: str) -> Entries:
        return self._write("DELETE", "resource-definitions", resource, "files", path)
