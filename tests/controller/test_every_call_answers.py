"""Every call of LINSTOR's REST API, sent to a real controller about objects that nobody knows: each is answered by
what LINSTOR's clients understand, with a code that means something, and none by a fault of the controller.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.conftest import Service
from tests.controller.test_all_handlers import HANDLERS
from tests.controller.test_diagnostics import ask

_ERROR = 0xC000000000000000
_NAMES = {"nodeName": "n1", "nodeA": "n1", "nodeB": "n2", "node": "n1", "vlmNr": "0", "volume_number": "0",
          "extFileName": "%2Fetc%2Fx", "path": "%2Fetc%2Fx", "authtokenid": "7", "reportId": "1-2-3", "key": "Aux/x"}
_ENDLESS = "/v1/events/"
_FAULT = 999
BODIES: tuple[Any, ...] = ({}, {"unknown_field": 1}, [], None)


def url(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda found: _NAMES.get(found[1], "unknown"), path)


def errors(body: bytes) -> list[dict[str, Any]]:
    if not body.startswith(b"[{"):
        return []
    return [item for item in json.loads(body) if item.get("ret_code", 0) & _ERROR == _ERROR]


@pytest.fixture(scope="module")
def asked() -> list[tuple[str, str]]:
    return [(method, path) for method, path in HANDLERS if not path.startswith(_ENDLESS)]


def test_every_call_is_answered(controller_process: Service, asked: list[tuple[str, str]]) -> None:
    faults = []
    for method, path in asked:
        for given in BODIES if method not in ("GET", "DELETE") else (None,):
            status, body, headers = ask(controller_process, method, url(path), given)
            found = errors(body)
            where = f"{method} {path} {given}: {status} {body[:200]!r}"
            if status >= 400 and not found and "drbd-reactorctl" not in path and path != "/metrics":
                faults.append(f"no entry: {where}")
            if [item for item in found if item["ret_code"] & 0x7FFF == _FAULT]:
                faults.append(f"a fault: {where}")
            if status == 404 and not [item for item in found if 300 <= item["ret_code"] & 0x7FFF < 400]:
                faults.append(f"a bare 404: {where}")
            if found and not all(item.get("message") for item in found):
                faults.append(f"no message: {where}")
            if status < 400 and "json" not in (headers["Content-Type"] or "") and path.startswith("/v1/") \
                    and "download" not in path and body:
                faults.append(f"no JSON: {where}")
    assert faults == []


def test_paths_of_files_arrive_whole(controller_process: Service) -> None:
    for name in ("%2Fetc%2Fa%20b.toml", "%2Fcheck%2Fstatus%2Fx"):
        assert ask(controller_process, "PUT", f"/v1/files/{name}", {"content": "aGk="})[0] == 200
    assert json.loads(ask(controller_process, "GET", "/v1/files")[1]) == [
        {"path": "/check/status/x"}, {"path": "/etc/a b.toml"}]
    assert json.loads(ask(controller_process, "GET", "/v1/files//etc/a%20b.toml")[1]) == {
        "path": "/etc/a b.toml", "content": "aGk="}
    assert json.loads(ask(controller_process, "GET", "/v1/files/%2Fcheck%2Fstatus%2Fx")[1])["content"] == "aGk="
    ask(controller_process, "POST", "/v1/nodes", {"name": "alpha", "type": "AUXILIARY", "net_interfaces": [
        {"name": "default", "address": "192.0.2.1", "satellite_port": 3366, "satellite_encryption_type": "PLAIN"}]})
    path = "/v1/files/%2Fetc%2Fa%20b.toml"
    assert json.loads(ask(controller_process, "GET", f"{path}/check/alpha")[1]) == {"allowed": False}
    assert not json.loads(ask(controller_process, "GET", f"{path}/status/alpha")[1])["deployed"]
    assert ask(controller_process, "DELETE", path)[0] == 200


def test_browsers_may_ask_what_a_path_with_options_takes(controller_process: Service) -> None:
    path = "/v1/query-max-volume-size"
    status, _, headers = ask(controller_process, "OPTIONS", path, Access_Control_Request_Method="OPTIONS")
    assert (status, headers["Allow"]) == (200, "OPTIONS")
    status, body, _ = ask(controller_process, "OPTIONS", path, {"place_count": 1})
    assert status == 500 and errors(body)[0]["ret_code"] & 0x7FFF == 996
    assert ask(controller_process, "GET", path)[0] == 405


def test_secrets_follow_the_passphrase_over_rest(controller_process: Service) -> None:
    remote = {"remote_name": "vault", "endpoint": "https://store.example", "bucket": "b", "region": "eu",
              "access_key": "AK-1", "secret_key": "SK-1"}
    status, body, _ = ask(controller_process, "POST", "/v1/remotes/s3", remote)
    assert status == 404 and errors(body)[0]["ret_code"] & 0x7FFF == 312
    ask(controller_process, "POST", "/v1/encryption/passphrase", {"new_passphrase": "correct horse"})
    assert ask(controller_process, "POST", "/v1/remotes/s3", remote)[0] == 200
    shown = ask(controller_process, "GET", "/v1/remotes")[1]
    assert json.loads(shown) == {"s3_remotes": [{"remote_name": "vault", "endpoint": "https://store.example",
                                                 "bucket": "b", "region": "eu"}]}
    assert [path for path in controller_process.state.rglob("*.db*") if b"SK-1" in path.read_bytes()] == []
    status, body, _ = ask(controller_process, "GET", "/v1/remotes/vault/backups")
    assert errors(body)[0]["correction"]
