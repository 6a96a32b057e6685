"""The controller itself: version, properties, stored keys, secrets, error reports."""

from __future__ import annotations

from collections.abc import Sequence

from linstor_core.client.calls import Calls, Entries, filters
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_v1 import ControllerVersion, ErrorReport, KeyValueStore, PassphraseStatus, PropertyInfo


class ControllerCalls(Calls):
    def controller_version(self) -> ControllerVersion:
        return self._get(ControllerVersion, "controller", "version")

    def controller_properties(self) -> dict[str, str]:
        return self._get(dict[str, str], "controller", "properties")

    def modify_controller(self, body: bodies.PropsModify) -> Entries:
        return self._write("POST", "controller", "properties", body=body)

    def property_info(self) -> dict[str, PropertyInfo]:
        """What the controller's properties may be."""
        return self._get(dict[str, PropertyInfo], "controller", "properties", "info")

    def key_value_stores(self) -> list[KeyValueStore]:
        return self._get(list[KeyValueStore], "key-value-store")

    def key_value_store(self, name: str) -> KeyValueStore:
        """Raises ObjectNotFound for a store without keys: it does not exist."""
        stores = self._get(list[KeyValueStore], "key-value-store", name)
        return stores[0] if stores else KeyValueStore(name=name)

    def modify_key_value_store(self, name: str, body: bodies.KeyValueStoreModify) -> Entries:
        return self._write("PUT", "key-value-store", name, body=body)

    def delete_key_value_store(self, name: str) -> Entries:
        return self._write("DELETE", "key-value-store", name)

    def passphrase_status(self) -> PassphraseStatus:
        return self._get(PassphraseStatus, "encryption", "passphrase")

    def create_passphrase(self, passphrase: str) -> Entries:
        return self._write("POST", "encryption", "passphrase", body=bodies.PassphraseCreate(new_passphrase=passphrase))

    def change_passphrase(self, old: str, new: str) -> Entries:
        return self._write("PUT", "encryption", "passphrase",
                           body=bodies.PassphraseModify(old_passphrase=old, new_passphrase=new))

    def enter_passphrase(self, passphrase: str) -> Entries:
        """Unlock after the controller was restarted."""
        return self._write("PATCH", "encryption", "passphrase", body=passphrase)

    def error_reports(self, nodes: Sequence[str] = (), since_ms: int | None = None, to_ms: int | None = None,
                      ids: Sequence[str] = (), with_content: bool = False) -> list[ErrorReport]:
        query = filters(node=nodes, since=str(since_ms) if since_ms is not None else None,
                        to=str(to_ms) if to_ms is not None else None, reportIds=ids, withContent=with_content)
        return self._get(list[ErrorReport], "error-reports", query=query)

    def error_report(self, report_id: str) -> list[ErrorReport]:
        """With its text; every node that has a report of this id gives one."""
        return self._get(list[ErrorReport], "error-reports", report_id)

    def delete_error_reports(self, body: bodies.ErrorReportDelete) -> Entries:
        return self._write("PATCH", "error-reports", body=body)
