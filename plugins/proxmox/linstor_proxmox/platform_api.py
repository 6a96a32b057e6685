"""Proxmox VE's REST API, as far as the tool needs it, through proxmoxer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import requests
from proxmoxer import AuthenticationError, ProxmoxAPI, ResourceException

from linstor_proxmox import secret_files
from linstor_proxmox.refusals import Refused

CREDENTIALS = Path("/etc/pve/priv/linstor-proxmox.json")
_FIELDS = {"host", "port", "user", "password", "token_name", "token_value", "ca_file"}
_GUESTS = {"qemu": "qemu", "lxc": "lxc"}
POLL_S = 1.0


class _Resource(Protocol):
    def __call__(self, *path: object) -> _Resource: ...
    def get(self, **query: object) -> Any: ...
    def post(self, **body: object) -> Any: ...
    def put(self, **body: object) -> Any: ...
    def delete(self, **query: object) -> Any: ...


class PlatformApi:
    """Every method raises Refused with what Proxmox VE said."""

    def __init__(self, root: _Resource, close: Callable[[], None],
                 sleep: Callable[[float], None] = time.sleep, poll_s: float = POLL_S) -> None:
        self._root = root
        self._close = close
        self._sleep = sleep
        self._poll_s = poll_s

    def close(self) -> None:
        """Nothing is asked after it."""
        self._close()

    def get(self, path: str, **query: object) -> Any:
        return self._asked(path, lambda: self._root(path).get(**query))

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        return self._asked(path, lambda: self._root(path).post(**body))

    def put(self, path: str, body: Mapping[str, object]) -> Any:
        return self._asked(path, lambda: self._root(path).put(**body))

    def delete(self, path: str) -> Any:
        return self._asked(path, lambda: self._root(path).delete())

    @staticmethod
    def _asked(path: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (ResourceException, AuthenticationError) as error:
            raise Refused(f"Proxmox VE refused {path}: {error}") from error
        except requests.RequestException as error:
            raise Refused(f"Proxmox VE did not answer {path}: {error}") from error

    # Storages, nodes, guests

    def storage(self, storage: str) -> dict[str, Any] | None:
        """Its section of storage.cfg."""
        return next((dict(found) for found in self.get("storage") if found["storage"] == storage), None)

    def nodes(self) -> list[dict[str, Any]]:
        return sorted(self.get("nodes"), key=lambda node: str(node["node"]))

    def guests(self) -> list[dict[str, Any]]:
        """Virtual machines and containers of the cluster; `type` is qemu or lxc."""
        found = self.get("cluster/resources", type="vm")
        return sorted((guest for guest in found if guest["type"] in _GUESTS), key=lambda guest: int(guest["vmid"]))

    def guest(self, vmid: int) -> dict[str, Any]:
        found = next((guest for guest in self.guests() if int(guest["vmid"]) == vmid), None)
        if found is None:
            raise Refused(f"Proxmox VE has no guest {vmid}")
        return found

    def configs(self, guest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The configuration of a guest as it is, and those of its snapshots."""
        place = f"nodes/{guest['node']}/{guest['type']}/{guest['vmid']}"
        yield self.get(f"{place}/config")
        for snapshot in self.get(f"{place}/snapshot"):
            if snapshot["name"] != "current":
                yield self.get(f"{place}/snapshot/{snapshot['name']}/config")

    def follow(self, task: str, show: Callable[[str], None]) -> None:
        """Show the lines of a task's log as they come, till it ends. Raises Refused where it failed."""
        place = f"nodes/{task.split(':')[1]}/tasks/{task}"
        shown = 0
        while True:
            status = self.get(f"{place}/status")
            for line in self.get(f"{place}/log", start=shown, limit=500):
                if int(line["n"]) > shown:
                    shown = int(line["n"])
                    show(str(line["t"]))
            if status["status"] == "stopped":
                break
            self._sleep(self._poll_s)
        if status.get("exitstatus") != "OK":
            raise Refused(f"the task {task} failed: {status.get('exitstatus')}")


def connect(credentials: Path) -> PlatformApi:
    """Who signs in comes from a file that only root can read. Raises Refused."""
    try:
        found = secret_files.read(credentials)
    except OSError as error:
        raise Refused(f"{credentials} can't be read ({error.strerror}): it has to hold a JSON object with host, user, "
                      "token_name and token_value") from error
    unknown = sorted(set(found) - _FIELDS)
    if unknown or "user" not in found:
        raise Refused(f"{credentials}: " + (f"unknown {', '.join(unknown)}" if unknown else "'user' is missing"))
    ca_file = found.pop("ca_file", "")
    try:
        root = ProxmoxAPI(found.pop("host", "localhost"), **found, verify_ssl=ca_file or True, service="PVE")
    except (AuthenticationError, requests.RequestException) as error:
        raise Refused(f"signing in to Proxmox VE failed: {error}") from error
    return PlatformApi(cast(_Resource, root), root._store["session"].close)
