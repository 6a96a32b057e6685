"""A daemon's life as its supervisor sees it: ready, alive, reloading, ending."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from linstor_core.controller.repository import Repository
from tests.daemons.fake_supervisor import FakeSupervisor
from tests.daemons.running import PATIENCE_S, running
from tools import services
from tools.rest import RestConnection

CONTROLLER, SATELLITE = "linstor_core.controller", "linstor_core.satellite"


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def _level(address: str) -> str:
    with RestConnection(address) as rest:
        return str(rest.get("/v1/controller/config")["log"]["level_linstor"])


def test_a_controller_from_ready_to_the_end(tmp_path: Path) -> None:
    address = services.free_address()
    host, _, port = address.rpartition(":")
    file = tmp_path / "linstor.conf"
    file.write_text(f"[http]\nlisten_addr = {host}\nport = {port}\n[state]\npath = {tmp_path}/state\n")
    with (FakeSupervisor() as supervisor,
          running(CONTROLLER, ["--config-file", str(file)], tmp_path / "log", supervisor.environment(0.4)) as daemon):
        ready = supervisor.until("READY")
        assert services.answers_health(address)
        assert ready["STATUS"].startswith("serves 0 nodes and 0 resource definitions on ")
        for _ in range(3):
            supervisor.until("WATCHDOG")
        assert _level(address) == "INFO"

        file.write_text(f"{file.read_text()}[logging]\nlinstor_level = debug\n[http]\nport = 1\n")
        daemon.signal(signal.SIGHUP)
        supervisor.until("RELOADING")
        supervisor.until("READY")
        assert _level(address) == "DEBUG"
        assert "[http] port has changed: that takes effect with the next start" in daemon.text()

        before = file.read_text()
        file.write_text(f"{before}[https]\ncertificate = /nowhere/controller.pem\n")
        daemon.signal(signal.SIGHUP)
        supervisor.until("RELOADING")
        supervisor.until("READY")
        assert "Whether HTTPS is served changes with the next start only" in daemon.text()
        assert "[https] certificate is taken over" not in daemon.text()

        file.write_text("[nonsense]\nx = 1\n")
        daemon.signal(signal.SIGHUP)
        supervisor.until("RELOADING")
        supervisor.until("READY")
        assert _level(address) == "DEBUG"
        assert "The settings stay as they are" in daemon.text()

        daemon.signal(signal.SIGTERM)
        supervisor.until("STOPPING")
        assert daemon.ended() == 0


def test_a_satellite_from_ready_to_the_end(tmp_path: Path) -> None:
    address = services.free_address()
    file = tmp_path / "linstor_satellite.conf"
    file.write_text("[stlt]\noverrideNodeName = fromfile\n[netcom]\nport = 1\n[logging]\nlinstor_level = info\n")
    arguments = ["--config-file", str(file), "--listen", address, "--state", str(tmp_path / "state")]
    with (FakeSupervisor(tmp_path / "notify") as supervisor,
          running(SATELLITE, arguments, tmp_path / "log", supervisor.environment(0.4)) as daemon):
        # The command line wins over the file.
        assert supervisor.until("READY")["STATUS"].startswith("serves the node fromfile on 127.0.0.1 port "
                                                              f"{address.rpartition(':')[2]}")
        for _ in range(3):
            supervisor.until("WATCHDOG")
        file.write_text(f"{file.read_text()}[files]\nallowExtFiles = {tmp_path}/files\n")
        daemon.signal(signal.SIGHUP)
        supervisor.until("RELOADING")
        supervisor.until("READY")
        assert "[files] allowExtFiles is taken over" in daemon.text()
        daemon.signal(signal.SIGTERM)
        supervisor.until("STOPPING")
        assert daemon.ended() == 0


def test_single_process_is_ready_once_for_both(tmp_path: Path) -> None:
    arguments = ["--listen", services.free_address(), "--satellite-listen", services.free_address(), "--name", "both",
                 "--state", str(tmp_path / "state")]
    with (FakeSupervisor() as supervisor,
          running("linstor_core.single", arguments, tmp_path / "log", supervisor.environment()) as daemon):
        status = supervisor.until("READY")["STATUS"]
        assert "serves 0 nodes" in status and "serves the node both" in status
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0


def test_the_journal_gets_priorities_and_never_a_secret(tmp_path: Path) -> None:
    address = services.free_address()
    log = tmp_path / "log"
    log.touch()
    stream = f"{log.stat().st_dev}:{log.stat().st_ino}"
    file = tmp_path / "linstor.conf"
    file.write_text("[encrypt]\npassphrase = hunter2-in-the-file\n[logging]\nlevel = trace\nlinstor_level = trace\n"
                    "levels = websockets=trace, sqlalchemy=trace\n")
    file.chmod(0o600)
    arguments = ["--config-file", str(file), "--listen", address, "--state", str(tmp_path / "state")]
    with running(CONTROLLER, arguments, log, {"JOURNAL_STREAM": stream}) as daemon:
        services.wait_until_healthy(address, daemon.identity, log)
        with RestConnection(address) as rest:
            rest.call("PUT", "/v1/encryption/passphrase", {"old_passphrase": "hunter2-in-the-file",
                                                          "new_passphrase": "hunter3-by-rest"})
            rest.post("/v1/nodes", {"name": "n1", "type": "satellite", "net_interfaces": [
                {"name": "default", "address": "127.0.0.1", "satellite_port": 1,
                 "satellite_encryption_type": "PLAIN"}]})
        wait_until(lambda: "Satellite N1" in daemon.text(), "the broken link is never logged")
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0
    lines = daemon.text().splitlines()
    assert [line for line in lines if not line.startswith(("<3>", "<4>", "<6>", "<7>"))] == []
    assert [line for line in lines if "hunter" in line] == []
    assert any(line.startswith("<4>linstor_core.controller") for line in lines)
    assert any(line.startswith("<6>linstor_core.controller.auto_unlock: The master passphrase") for line in lines)


def test_calls_are_logged_where_the_file_asks_for_it(tmp_path: Path) -> None:
    address = services.free_address()
    file, access = tmp_path / "linstor.conf", tmp_path / "logs/access.log"
    file.write_text(f"[logging]\nrest_access_log_mode = append\nrest_access_log_path = {access}\n")
    with running(CONTROLLER, ["--config-file", str(file), "--listen", address, "--state", str(tmp_path / "state")],
                 tmp_path / "log") as daemon:
        services.wait_until_healthy(address, daemon.identity, daemon.log)
        with RestConnection(address) as rest:
            rest.get("/v1/nodes?nodes=secret")
            assert rest.get("/v1/controller/config")["log"]["rest_access_mode"] == "APPEND"
        wait_until(lambda: "/v1/controller/config" in access.read_text(), "the call is never logged")
    assert " 127.0.0.1 GET '/v1/nodes' 200 " in access.read_text()
    assert "secret" not in access.read_text()


def test_a_newer_database_is_left_alone_with_a_status_of_its_own(tmp_path: Path) -> None:
    import sqlalchemy as sa

    state = tmp_path / "state"
    repository = Repository.in_folder(state)
    repository.open()
    repository.close()
    engine = sa.create_engine(f"sqlite:///{state / 'linstor.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE settings SET value = '99' WHERE name = 'schema'"))
    engine.dispose()
    with running(CONTROLLER, ["--listen", services.free_address(), "--state", str(state)], tmp_path / "log") as daemon:
        assert daemon.ended() == 65
    (line,) = daemon.text().splitlines()
    assert "newer release (schema 99" in line and "Start the newer release, or restore the backup" in line
    unit = (services.CHECKOUT / "packaging/systemd/linstor-controller.service").read_text()
    (prevented,) = [line for line in unit.splitlines() if line.startswith("RestartPreventExitStatus=")]
    assert {"2", "65", "78"} <= set(prevented.partition("=")[2].split())


def test_a_taken_address_is_said_in_one_line(tmp_path: Path) -> None:
    address = services.free_address()
    with running(CONTROLLER, ["--listen", address, "--state", str(tmp_path / "one")], tmp_path / "one.log") as first:
        services.wait_until_healthy(address, first.identity, first.log)
        with running(CONTROLLER, ["--listen", address, "--state", str(tmp_path / "two")],
                     tmp_path / "two.log") as second:
            assert second.ended() == 1
    (line,) = second.text().splitlines()
    assert "Address already in use: 127.0.0.1 port" in line


