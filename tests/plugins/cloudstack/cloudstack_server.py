"""CloudStack's API over HTTP: signatures, pages, jobs, states and errors as its source has them, over a small model."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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


UNVERIFIED = Fault(401, "unable to verify user credentials and/or request signature")


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
        self.machines_to_move = False
        self.drop: dict[str, int] = {}
        """How often the connection of a command is closed without an answer."""
        self.job_fault: dict[str, Fault] = {}
        self.between_pages: Callable[[], None] | None = None
        self._jobs: dict[str, list[Any]] = {}
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
            # The same as for a wrong signature: the command is looked for first.
            raise UNVERIFIED
        return method(parameters)

    def _page(self, key: str, items: list[Record], asked: dict[str, str]) -> Record:
        found = [item for item in items if _is_asked(item, asked)]
        size, page = int(asked.get("pagesize", 500)), int(asked.get("page", 1))
        shown = found[(page - 1) * size:page * size]
        if page == 1 and len(found) > size and self.between_pages is not None:
            self.between_pages()
        # An empty list has neither a count nor the key; a page behind the end has the count.
        answer: Record = {"count": len(found)} if found else {}
        return answer | ({key: [_public(item) for item in shown]} if shown else {})

    # Calls that answer at once

    def do_getuser(self, asked: dict[str, str]) -> Record:
        if asked["userapikey"] != KEY:
            raise Fault(431, "User with specified API key does not exist")
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
        if "tags" in asked:
            pool["tags"] = ",".join(tag for tag in asked["tags"].split(",") if tag)
        if asked.get("enabled") == "true":
            _allow(pool["state"] == "Disabled", f"cannot be enabled. Storage pool state : {pool['state']}")
            pool["state"] = "Up"
        return {"storagepool": pool}

    def do_creatediskoffering(self, asked: dict[str, str]) -> Record:
        offering = {"id": str(uuid.uuid4()), "name": asked["name"], "disksize": int(asked.get("disksize", 0)),
                    "iscustomized": asked["customized"] == "true", "tags": asked.get("tags", ""),
                    "storagetype": asked["storagetype"]}
        self.offerings.append(offering)
        return {"diskoffering": offering}

    # Jobs. What a job refuses it refuses when it runs, not when it is asked for.

    def do_enablestoragemaintenance(self, asked: dict[str, str]) -> Record:
        return self._job("enableStorageMaintenance", "storagepool", asked["id"], asked,
                         change={"state": "Maintenance"}, states={"Up", "ErrorInMaintenance"})

    def do_cancelstoragemaintenance(self, asked: dict[str, str]) -> Record:
        return self._job("cancelStorageMaintenance", "storagepool", asked["id"], asked,
                         change={"state": "Up"}, states={"Maintenance", "ErrorInMaintenance", "Disabled"})

    def do_preparehostformaintenance(self, asked: dict[str, str]) -> Record:
        """Over when the moves of the machines are under way; `machines_to_move` says whether there are any."""
        state = "PrepareForMaintenance" if self.machines_to_move else "Maintenance"
        return self._job("prepareHostForMaintenance", "host", asked["id"], asked,
                         change={"resourcestate": state}, states={"Enabled", "ErrorInMaintenance", "Degraded"})

    def do_cancelhostmaintenance(self, asked: dict[str, str]) -> Record:
        return self._job("cancelHostMaintenance", "host", asked["id"], asked,
                         change={"resourcestate": "Enabled"}, states={
                             "Maintenance", "PrepareForMaintenance", "ErrorInMaintenance",
                             "ErrorInPrepareForMaintenance"})

    def do_migratevolume(self, asked: dict[str, str]) -> Record:
        volume, goal = _by_id(self.volumes, asked["volumeid"]), _by_id(self.storages, asked["storageid"])
        return self._job("migrateVolume", "volume", volume["id"], asked, states={"Ready"}, change={
            "storageid": goal["id"], "diskofferingid": asked["newdiskofferingid"]}, check=lambda: _allow(
                volume.get("vmstate") != "Running", "KVM does not support volume live migration"))

    def _job(self, command: str, kind: str, item_id: str, asked: dict[str, str], *,
             change: Record, states: set[str], check: Callable[[], None] = lambda: None) -> Record:
        """`states` are those in which it can be done."""
        item = _by_id({"storagepool": self.storages, "host": self.hosts, "volume": self.volumes}[kind], item_id)
        job = str(uuid.uuid4())

        def work() -> Record:
            if command in self.job_fault:
                raise self.job_fault[command]
            state = item["resourcestate" if kind == "host" else "state"]
            _allow(state in states, f"{command} is not possible: it is {state}")
            check()
            if command in self.hooks:
                self.hooks[command](item, asked)
            item.update(change)
            return {kind: _public(item)}

        self._jobs[job] = [JOB_POLLS, work]
        return {"jobid": job}

    def do_queryasyncjobresult(self, asked: dict[str, str]) -> Record:
        job = self._jobs[asked["jobid"]]
        job[0] -= 1
        told = {"jobid": asked["jobid"], "jobprocstatus": 0}
        if job[0] >= 0:
            return told | {"jobstatus": 0, "jobresultcode": 0}
        try:
            result = job[1]()
        except Fault as fault:
            return told | {"jobstatus": 2, "jobresulttype": "object", "jobresultcode": fault.code,
                           "jobresult": {"errorcode": fault.code, "errortext": fault.text}}
        return told | {"jobstatus": 1, "jobresulttype": "object", "jobresultcode": 0, "jobresult": result}


def _allow(condition: bool, text: str) -> None:
    """What CloudStack finds wrong while a job is at work is an internal error."""
    if not condition:
        raise Fault(530, text)


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
    if asked.get("apiKey", asked.get("apikey")) != KEY or asked.get("signatureVersion") != "3":
        raise UNVERIFIED
    if not hmac.compare_digest(asked.get("signature", ""), signature(asked)):
        raise UNVERIFIED
    expires = datetime.strptime(asked["expires"], "%Y-%m-%dT%H:%M:%S%z")
    if not datetime.now(UTC) < expires < datetime.now(UTC) + timedelta(minutes=15):
        raise UNVERIFIED
