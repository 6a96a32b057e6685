"""CloudStack's API over HTTP: signatures, pages, jobs and errors as its documentation has them, over a small model."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote

KEY, SECRET = "the-key", "the-Secret/with+signs"
JOB_POLLS = 2
Record = dict[str, Any]


class Fault(Exception):
    """What CloudStack answers with an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def signature(parameters: dict[str, str]) -> str:
    """As CloudStack computes it: sorted, quoted, lower-cased, HMAC-SHA1."""
    pairs = sorted((name.lower(), quote(value, safe="*").lower()) for name, value in parameters.items()
                   if name != "signature")
    text = "&".join(f"{name}={value}" for name, value in pairs)
    return base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()).decode()


class CloudStackModel:
    """`calls` are the commands in their order; `hooks` are told when a job has done its work."""

    def __init__(self) -> None:
        self.zones: list[Record] = [{"id": "zone-1", "name": "Zürich & Süd"}]
        self.clusters: list[Record] = [{"id": "cluster-1", "name": "kvm", "podid": "pod-1", "zoneid": "zone-1",
                                        "hypervisortype": "KVM"}]
        self.hosts: list[Record] = []
        self.storages: list[Record] = []
        self.offerings: list[Record] = []
        self.volumes: list[Record] = []
        self.snapshots: list[Record] = []
        self.vm_snapshots: list[Record] = []
        self.templates: list[Record] = []
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.hooks: dict[str, Callable[[Record, dict[str, str]], None]] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.account_type = 1
        self.drop: dict[str, int] = {}
        """How often the connection of a command is closed without an answer."""
        self.job_fault: dict[str, Fault] = {}
        self.between_pages: Callable[[], None] | None = None
        self._jobs: dict[str, list[Any]] = {}
        self._numbers = itertools.count(1)
        self._lists = {"listzones": ("zone", self.zones), "listclusters": ("cluster", self.clusters),
                       "listhosts": ("host", self.hosts), "liststoragepools": ("storagepool", self.storages),
                       "listdiskofferings": ("diskoffering", self.offerings), "listvolumes": ("volume", self.volumes),
                       "listsnapshots": ("snapshot", self.snapshots),
                       "listvmsnapshot": ("vmSnapshot", self.vm_snapshots),
                       "listtemplates": ("template", self.templates)}

    def made(self, command: str) -> list[dict[str, str]]:
        """The parameters of each call of a command."""
        return [parameters for name, parameters in self.calls if name == command]

    def answer(self, command: str, parameters: dict[str, str]) -> Record:
        self.calls.append((command, parameters))
        if self.faults.get(command):
            raise self.faults[command].pop(0)
        if command.lower() in self._lists:
            return self._page(*self._lists[command.lower()], parameters)
        method: Callable[[dict[str, str]], Record] | None = getattr(self, "do_" + command.lower(), None)
        if method is None:
            raise Fault(432, f"The given command '{command}' either does not exist")
        return method(parameters)

    def _page(self, key: str, items: list[Record], asked: dict[str, str]) -> Record:
        found = [item for item in items if _is_asked(item, asked)]
        size, page = int(asked.get("pagesize", 500)), int(asked.get("page", 1))
        shown = found[(page - 1) * size:page * size]
        if page == 1 and len(found) > size and self.between_pages is not None:
            self.between_pages()
        # An empty list has neither a count nor the key.
        return {"count": len(found), key: [_public(item) for item in shown]} if shown else {}

    # Calls that answer at once

    def do_getuser(self, asked: dict[str, str]) -> Record:
        if asked["userapikey"] != KEY:
            raise Fault(431, "User is not found")
        return {"user": {"id": "user-1", "username": "admin", "accounttype": self.account_type}}

    def do_createstoragepool(self, asked: dict[str, str]) -> Record:
        if "details[0].resourceGroup" not in asked:
            raise Fault(431, "resourceGroup is missing")
        pool = {"id": str(uuid.uuid4()), "name": asked["name"], "state": "Up", "provider": asked["provider"],
                "type": "Linstor", "path": asked["details[0].resourceGroup"], "ipaddress": asked["url"],
                "scope": asked["scope"].upper(), "zoneid": asked["zoneid"], "tags": asked.get("tags", ""),
                "disksizetotal": 20 * 2 ** 30, "disksizeused": 0, "disksizeallocated": 0}
        if "clusterid" in asked:
            pool |= {"clusterid": asked["clusterid"], "podid": asked["podid"]}
        self.storages.append(pool)
        return {"storagepool": pool}

    def do_updatestoragepool(self, asked: dict[str, str]) -> Record:
        pool = _by_id(self.storages, asked["id"])
        pool["tags"] = asked.get("tags", pool["tags"])
        if asked.get("enabled") == "true":
            pool["state"] = "Up"
        return {"storagepool": pool}

    def do_creatediskoffering(self, asked: dict[str, str]) -> Record:
        offering = {"id": str(uuid.uuid4()), "name": asked["name"], "disksize": int(asked.get("disksize", 0)),
                    "iscustomized": asked["customized"] == "true", "tags": asked.get("tags", ""),
                    "storagetype": asked["storagetype"]}
        self.offerings.append(offering)
        return {"diskoffering": offering}

    # Jobs

    def do_enablestoragemaintenance(self, asked: dict[str, str]) -> Record:
        return self._job("enableStorageMaintenance", self.storages, asked["id"], asked, {"state": "Maintenance"})

    def do_cancelstoragemaintenance(self, asked: dict[str, str]) -> Record:
        return self._job("cancelStorageMaintenance", self.storages, asked["id"], asked, {"state": "Up"})

    def do_preparehostformaintenance(self, asked: dict[str, str]) -> Record:
        return self._job("prepareHostForMaintenance", self.hosts, asked["id"], asked,
                         {"resourcestate": "Maintenance"})

    def do_cancelhostmaintenance(self, asked: dict[str, str]) -> Record:
        return self._job("cancelHostMaintenance", self.hosts, asked["id"], asked, {"resourcestate": "Enabled"})

    def do_migratevolume(self, asked: dict[str, str]) -> Record:
        return self._job("migrateVolume", self.volumes, asked["volumeid"], asked, {
            "storageid": asked["storageid"], "diskofferingid": asked["newdiskofferingid"]})

    def _job(self, command: str, items: list[Record], item_id: str, asked: dict[str, str], change: Record) -> Record:
        item = _by_id(items, item_id)
        job = f"job-{next(self._numbers)}"

        def work() -> None:
            if command in self.job_fault:
                raise self.job_fault[command]
            if command in self.hooks:
                self.hooks[command](item, asked)
            item.update(change)

        self._jobs[job] = [JOB_POLLS, work]
        return {"jobid": job}

    def do_queryasyncjobresult(self, asked: dict[str, str]) -> Record:
        job = self._jobs[asked["jobid"]]
        job[0] -= 1
        if job[0] >= 0:
            return {"jobid": asked["jobid"], "jobstatus": 0, "jobprocstatus": 0, "jobresultcode": 0}
        try:
            job[1]()
        except Fault as fault:
            return {"jobid": asked["jobid"], "jobstatus": 2, "jobresultcode": fault.code,
                    "jobresult": {"errorcode": fault.code, "errortext": fault.text}}
        return {"jobid": asked["jobid"], "jobstatus": 1, "jobresultcode": 0, "jobresult": {"success": True}}


def _is_asked(item: Record, asked: dict[str, str]) -> bool:
    """`_project` and `_system` say who sees it: others only with the parameter for them."""
    if bool(item.get("_project")) != (asked.get("projectid") == "-1"):
        return False
    if item.get("_system") and asked.get("listsystemvms") != "true":
        return False
    return all(item.get(key) == asked[key] for key in ("zoneid", "clusterid", "storageid") if key in asked)


def _public(item: Record) -> Record:
    return {key: value for key, value in item.items() if not key.startswith("_")}


def _by_id(items: list[Record], item_id: str) -> Record:
    found = next((item for item in items if item["id"] == item_id), None)
    if found is None:
        raise Fault(431, f"Unable to find {item_id}")
    return found


class CloudStackServer:
    def __init__(self, model: CloudStackModel, endpoint: str) -> None:
        self.model = model
        self.endpoint = endpoint


@contextmanager
def serving(model: CloudStackModel) -> Iterator[CloudStackServer]:
    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            assert "?" not in self.path, "a key in the address"
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked = dict(parse_qsl(body, keep_blank_values=True))
            command = asked.get("command", "")
            if model.drop.get(command, 0) > 0:
                model.drop[command] -= 1
                self.close_connection = True
                return
            try:
                _check_signature(asked)
                status, answer = 200, model.answer(command, asked)
            except Fault as fault:
                status = fault.code
                answer = {"uuidList": [], "errorcode": fault.code, "cserrorcode": 9999, "errortext": fault.text}
            content = json.dumps({f"{command.lower()}response": answer}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield CloudStackServer(model, f"http://127.0.0.1:{server.server_port}/client/api")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _check_signature(asked: dict[str, str]) -> None:
    refusal = Fault(401, "unable to verify user credentials and/or request signature")
    if asked.get("apiKey", asked.get("apikey")) != KEY or asked.get("signatureVersion") != "3":
        raise refusal
    if not hmac.compare_digest(asked.get("signature", ""), signature(asked)):
        raise refusal
    if datetime.strptime(asked["expires"], "%Y-%m-%dT%H:%M:%S%z") < datetime.now(UTC):
        raise refusal
