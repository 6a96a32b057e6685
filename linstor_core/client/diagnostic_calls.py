"""How the controller is: counts, configuration, metrics, copies of its database, reports, tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from linstor_core.client.calls import Calls, Entries, filters
from linstor_core.client.transport import Reply
from linstor_core.wire import rest_diagnostics as rest
from linstor_core.wire.rest_v1 import Count, PropertyInfo

Counted = Literal["nodes", "storage-pools", "resource-groups", "resource-definitions", "resources", "error-reports"]


class DiagnosticCalls(Calls):
    def health(self) -> dict[str, Any]:
        return self._page(dict[str, Any], "/health")

    def metrics(self) -> str:
        """In the text format of Prometheus."""
        return self._content("/metrics").content.decode()

    def scrape_targets(self) -> list[dict[str, Any]]:
        """Where the metrics of the nodes are, in the form of Prometheus' HTTP service discovery."""
        return self._page(list[dict[str, Any]], "/metrics/scrape-target")

    def api_description(self) -> dict[str, Any]:
        """The OpenAPI document. LINSTOR's own controller serves none: ApiCallError."""
        return self._get(dict[str, Any], "openapi.json")

    def count(self, kind: Counted) -> int:
        return self._get(Count, "stats", kind).count

    def controller_config(self) -> rest.ControllerConfig:
        return self._get(rest.ControllerConfig, "controller", "config")

    def modify_controller_config(self, body: rest.ControllerConfigModify) -> Entries:
        return self._write("PUT", "controller", "config", body=body)

    def node_config(self, node: str) -> dict[str, Any]:
        return self._get(dict[str, Any], "nodes", node, "config")

    def modify_node_config(self, node: str, body: rest.ControllerConfigModify) -> Entries:
        return self._write("PUT", "nodes", node, "config", body=body)

    def all_property_infos(self) -> dict[str, dict[str, PropertyInfo]]:
        """What properties may be, by kind of object."""
        return self._get(dict[str, dict[str, PropertyInfo]], "controller", "properties", "info", "all")

    def property_infos(self, *collection: str) -> dict[str, PropertyInfo]:
        """For objects by where they are: `("nodes",)`, `("resource-definitions", name, "resources")`."""
        return self._get(dict[str, PropertyInfo], *collection, "properties", "info")

    def delete_controller_property(self, key: str) -> Entries:
        return self._write("DELETE", "controller", "properties", *key.split("/"))

    def back_up_database(self, name: str | None = None) -> Entries:
        """Into a file on the controller's machine."""
        return self._write("POST", "controller", "backup", "db", body=rest.DatabaseBackup(backup_name=name))

    def export_database(self, comment: str | None = None) -> dict[str, Any]:
        """Everything, secrets included."""
        return self._ask(dict[str, Any], "POST", "controller", "database", "export",
                         body=rest.DatabaseExport(comment=comment))

    def delete_error_report(self, report_id: str) -> Entries:
        return self._write("DELETE", "error-reports", report_id)

    def create_sos_report(self, since_ms: int | None = None, nodes: Sequence[str] = (),
                          resources: Sequence[str] = ()) -> Entries:
        """Its path on the controller's machine is in the entry."""
        return self._write("GET", "sos-report", query=_sos_query(since_ms, nodes, resources))

    def download_sos_report(self, since_ms: int | None = None, nodes: Sequence[str] = (),
                            resources: Sequence[str] = ()) -> Reply:
        """A tar; its name is in the header Content-Disposition."""
        return self._document("GET", ("sos-report", "download"), _sos_query(since_ms, nodes, resources))

    def space_report(self) -> str:
        return str(self._get(dict[str, Any], "space-report").get("reportText", ""))

    # Tokens

    def auth_tokens(self) -> rest.AuthTokens:
        return self._get(rest.AuthTokens, "controller", "auth", "token")

    def create_auth_token(self, body: rest.AuthTokenCreate) -> Entries:
        """The entry's `obj_refs` have what callers are to send; it is never shown again."""
        return self._write("POST", "controller", "auth", "token", body=body)

    def modify_auth_token(self, number: int, body: rest.AuthTokenModify) -> Entries:
        return self._write("PUT", "controller", "auth", "token", number, body=body)

    def delete_auth_token(self, number: int) -> Entries:
        return self._write("DELETE", "controller", "auth", "token", number)

    def initialize_auth(self, body: rest.AuthTokenInitialize) -> Entries:
        """Make a first token and demand tokens from then on."""
        return self._write("POST", "controller", "auth", "initialize-token-auth", body=body)


def _sos_query(since_ms: int | None, nodes: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    return filters(since=None if since_ms is None else str(since_ms), nodes=nodes, rscs=resources)
