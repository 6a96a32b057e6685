"""The calls about the controller itself, against a real controller process."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import stat
import tarfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Service


def ask(service: Service, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes, Any]:
    """(status, body, headers) of one request; headers' names with underscores for dashes."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        sent["Content-Type"] = "application/json"
    request = urllib.request.Request(service.url + path, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as fault:
        with fault:
            return fault.code, fault.read(), fault.headers


def entries(answer: tuple[int, bytes, Any]) -> list[dict[str, Any]]:
    found = json.loads(answer[1])
    assert isinstance(found, list)
    return found


def test_log_levels_change_at_run_time(controller_process: Service) -> None:
    path = "/v1/controller/config"
    assert ask(controller_process, "PUT", path, {"log": {"level_linstor": "debug"}})[0] == 200
    log = json.loads(ask(controller_process, "GET", path)[1])["log"]
    assert log["level_linstor"] == "DEBUG" and log["level"] == "INFO"
    status, body, _ = ask(controller_process, "PUT", path, {"log": {"level": "INFO", "level_linstor": "LOUD"}})
    assert status == 500 and json.loads(body)[0]["ret_code"] == -0x4000000000000000 + 230
    assert json.loads(ask(controller_process, "GET", path)[1])["log"] == log
    answer = entries(ask(controller_process, "PUT", path, {"log": {"level_global": "WARN"}}))
    assert [item["ret_code"] for item in answer] == [0x2100003]


def test_the_configuration_names_what_runs(controller_process: Service) -> None:
    config = json.loads(ask(controller_process, "GET", "/v1/controller/config")[1])
    host, port = controller_process.address.split(":")
    assert config["http"] == {"enabled": True, "listen_address": host, "port": int(port)}
    assert config["db"]["connection_url"] == f"sqlite:///{controller_process.state}/linstor.db"


def test_a_backup_is_a_whole_database_and_overwrites_nothing(controller_process: Service) -> None:
    path = "/v1/controller/backup/db"
    status, body, _ = ask(controller_process, "POST", path, {"backup_name": "mine"})
    location = Path(json.loads(body)[0]["obj_refs"]["backup_location"])
    assert status == 201 and location == controller_process.state / "backups" / "mine.db"
    assert stat.S_IMODE(location.stat().st_mode) == 0o600
    with sqlite3.connect(location) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM documents WHERE kind = 'controller'").fetchone() == (1,)
    copy.close()
    before = location.read_bytes()
    assert ask(controller_process, "POST", path, {"backup_name": "mine"})[0] == 500
    assert location.read_bytes() == before
    assert ask(controller_process, "POST", path, {})[0] == 201
    assert len(list(location.parent.iterdir())) == 2


@pytest.mark.parametrize("name", ["../evil", "a/b", "/tmp/evil", "..", ".hidden", "a" * 200, "a\x00b", "a\nb", "-x"])
def test_a_backup_stays_in_its_folder(controller_process: Service, name: str) -> None:
    status, body, _ = ask(controller_process, "POST", "/v1/controller/backup/db", {"backup_name": name})
    assert status == 500 and json.loads(body)[0]["ret_code"] == -0x4000000000000000 + 234
    assert not (controller_process.state / "backups").exists()


def test_the_export_holds_every_document(controller_process: Service) -> None:
    ask(controller_process, "POST", "/v1/nodes", {"name": "alpha", "type": "SATELLITE", "net_interfaces": [
        {"name": "default", "address": "127.0.0.1", "satellite_port": 1, "satellite_encryption_type": "PLAIN"}]})
    status, body, headers = ask(controller_process, "POST", "/v1/controller/database/export", {"comment": "before"})
    export = json.loads(body)
    assert status == 201 and headers["Content-Type"] == "application/json" and export["comment"] == "before"
    assert "alpha" in [row["body"]["name"] for row in export["documents"] if row["kind"] == "node"]


def test_an_sos_report_has_no_secret_in_it(controller_process: Service) -> None:
    secrets = ["phrase-in-clear", "hunter2hunter2", "opensesame"]
    ask(controller_process, "POST", "/v1/encryption/passphrase", {"new_passphrase": secrets[0]})
    ask(controller_process, "PUT", "/v1/key-value-store/csi", {"override_props": {"volume": secrets[1]}})
    ask(controller_process, "POST", "/v1/controller/properties", {"override_props": {"Aux/ldap/password": secrets[2]}})
    token = entries(ask(controller_process, "POST", "/v1/controller/auth/token", {}))[0]["obj_refs"]["token"]
    status, body, headers = ask(controller_process, "GET", "/v1/sos-report/download", Accept_Encoding="gzip")
    assert status == 200 and headers["Content-Type"] == "application/octet-stream"
    assert re.fullmatch(r'attachment; filename="sos_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.tar\.gz"',
                        headers["Content-Disposition"])
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        files = {member.name.partition("/")[2]: tar.extractfile(member) for member in tar.getmembers()}
        texts = {name: file.read().decode() for name, file in files.items() if file is not None}
    assert {"README.txt", "controller/versions.json", "controller/log.txt", "cluster/documents.json"} <= set(texts)
    assert json.loads(texts["controller/system.json"])["database_bytes"]["linstor.db"] > 0
    kinds = {json.loads(line)["kind"] for line in texts["cluster/documents.json"].splitlines()}
    assert "controller" in kinds and not kinds & {"master_key", "auth_token"}
    assert not [name for name, text in texts.items() for secret in [*secrets, token] if secret in text]


def test_an_sos_report_stays_on_the_controller(controller_process: Service) -> None:
    places = []
    for _ in range(12):
        status, body, _ = ask(controller_process, "GET", "/v1/sos-report")
        assert status == 201
        places.append(Path(json.loads(body)[0]["obj_refs"]["path"]))
    assert {place.parent for place in places} == {controller_process.state / "sos-reports"}
    assert len(list(places[0].parent.iterdir())) == 10 and places[-1].exists()
    assert ask(controller_process, "GET", "/v1/sos-report?since=yesterday")[0] == 500


def test_metrics_are_prometheus_text_and_nothing_else(controller_process: Service) -> None:
    status, body, headers = ask(controller_process, "GET", "/metrics", Accept="*/*")
    assert status == 200 and headers["Content-Type"] == "text/plain;version=0.0.4"
    assert b"\nlinstor_scrape_requests_count 1\n" in body and body.endswith(b"\n")
    assert b'linstor_restapi_request_duration_seconds_count{method="GET",path="/health",code="200"}' in body
    prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    assert ask(controller_process, "GET", "/metrics", Accept=prometheus)[0] == 200
    assert ask(controller_process, "GET", "/metrics", Accept="text/plain;version=0.0.4")[0] == 200
    assert ask(controller_process, "GET", "/metrics", Accept="application/json")[0] == 406
    shorter = ask(controller_process, "GET", "/metrics?resource=false&storage_pools=false&error_reports=false")[1]
    for name in (b"linstor_resource_state", b"linstor_storage_pool", b"linstor_error_reports_count"):
        assert name in body and name not in shorter


def test_tokens_guard_the_controller(controller_process: Service) -> None:
    first = entries(ask(controller_process, "POST", "/v1/controller/auth/initialize-token-auth", {"no_https": True}))
    token = first[0]["obj_refs"]["token"]
    status, body, headers = ask(controller_process, "GET", "/v1/nodes")
    assert status == 401 and headers["WWW-Authenticate"] == 'Bearer realm="linstor-controller"'
    assert json.loads(body)[0]["ret_code"] == -0x4000000000000000 + 412
    assert ask(controller_process, "POST", "/v1/nodes", {"name": "x"}, Authorization="Bearer nope")[0] == 401
    assert ask(controller_process, "OPTIONS", "/v1/nodes")[0] == 200
    assert ask(controller_process, "GET", "/health")[0] == 200
    good = {"Authorization": f"Bearer {token}"}
    assert ask(controller_process, "GET", "/v1/nodes", **good)[0] == 200
    tokens = json.loads(ask(controller_process, "GET", "/v1/controller/auth/token", **good)[1])
    assert tokens["count"] == 1 and tokens["list"][0]["id"] == 1 and "token" not in tokens["list"][0]
    assert ask(controller_process, "PUT", "/v1/controller/auth/token/1", {"ip_filter": "192.0.2.1"}, **good)[0] == 200
    assert ask(controller_process, "GET", "/v1/nodes", **good)[0] == 401


def test_error_reports_that_are_not_there(controller_process: Service) -> None:
    assert json.loads(ask(controller_process, "GET", "/v1/error-reports/FFFF-00000-000000")[1]) == []
    gone = entries(ask(controller_process, "DELETE", "/v1/error-reports/x1"))
    assert gone[0]["ret_code"] == 0x4000000000000000 + 10007
    assert ask(controller_process, "PATCH", "/v1/error-reports", {})[0] == 500
    assert ask(controller_process, "GET", "/v1/error-reports?limit=many")[0] == 500


def test_the_start_page_and_what_has_no_page(controller_process: Service) -> None:
    status, body, _ = ask(controller_process, "GET", "/", Accept="text/html")
    assert status == 200 and json.loads(body)["links"]["metrics"] == "/metrics"
    assert ask(controller_process, "GET", "/ui")[0] == 404
    assert ask(controller_process, "GET", "/favicon.ico")[0] == 404
