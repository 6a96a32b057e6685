"""Log levels of satellites, changed from the controller while both run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from linstor_core.domain.log_levels import LEVELS, name_of
from linstor_core.satellite import log_levels
from linstor_core.wire.node_report import LogLevels, SetLogLevels, decode_for_controller, decode_for_satellite, encode
from tests.conftest import Service
from tests.controller.test_diagnostics import ask, entries
from tools import processes, services

_ERROR, _WARN = -0x4000000000000000, -0x8000000000000000
_PATIENCE_S = 20.0
CONFIG = "/v1/nodes/alpha/config"


def register(controller: Service, name: str, port: str) -> None:
    ask(controller, "POST", "/v1/nodes", {"name": name, "type": "SATELLITE", "net_interfaces": [
        {"name": "default", "address": "127.0.0.1", "satellite_port": int(port),
         "satellite_encryption_type": "PLAIN"}]})


def log_of(controller: Service) -> dict[str, Any]:
    return dict(json.loads(ask(controller, "GET", CONFIG)[1])["log"])


@pytest.fixture
def satellite(controller_process: Service, tmp_path: Path) -> Iterator[Path]:
    """Node alpha, ONLINE; the satellite's log file."""
    address, log = services.free_address(), tmp_path / "satellite.log"
    identity = services.start("linstor_core.satellite", ["--name", "alpha", "--listen", address, "--state",
                                                         str(tmp_path / "satellite")], log)
    try:
        register(controller_process, "alpha", address.rpartition(":")[2])
        ends = time.monotonic() + _PATIENCE_S
        while b"ONLINE" not in ask(controller_process, "GET", "/v1/nodes/alpha")[1]:
            assert time.monotonic() < ends, log.read_text()
            time.sleep(0.05)
        yield log
    finally:
        processes.stop(identity, timeout_s=5)


def test_one_satellite_is_told(controller_process: Service, satellite: Path) -> None:
    assert log_of(controller_process) == {"print_stack_trace": False, "level": "WARN", "level_linstor": "WARN"}
    assert ask(controller_process, "PUT", CONFIG, {"log": {"level_linstor": "trace"}})[0] == 200
    assert log_of(controller_process) == {"print_stack_trace": False, "level": "WARN", "level_linstor": "TRACE"}
    ask(controller_process, "PUT", "/v1/nodes/alpha/reconnect")
    assert log_of(controller_process)["level_linstor"] == "TRACE"


def test_all_satellites_are_told_and_those_that_could_not_be_are_named(controller_process: Service,
                                                                       satellite: Path) -> None:
    register(controller_process, "beta", "1")
    answer = entries(ask(controller_process, "PUT", "/v1/controller/config", {"log": {"level_linstor_global": "INFO"}}))
    assert [(item["ret_code"], item.get("obj_refs")) for item in answer] == [
        (0x2100003, None), (_WARN + 0x2100000 + 1002, {"Node": "beta"})]
    assert log_of(controller_process)["level_linstor"] == "INFO"


def test_a_satellite_out_of_reach_is_not_told(controller_process: Service) -> None:
    body = {"log": {"level": "DEBUG"}}
    assert ask(controller_process, "PUT", CONFIG, body)[0] == 404
    register(controller_process, "alpha", "1")
    answer = ask(controller_process, "PUT", CONFIG, body)
    assert answer[0] == 500 and entries(answer)[0]["ret_code"] == _ERROR + 995
    for wrong, code in (({"log": {"level": "LOUD"}}, 230), ({}, 234), ({"log": {}}, 234)):
        assert entries(ask(controller_process, "PUT", CONFIG, wrong))[0]["ret_code"] == _ERROR + code


def test_levels_have_linstors_names() -> None:
    assert [name_of(number) for number in (50, 40, 30, 25, 20, 10, 5, 1)] == [
        "ERROR", "ERROR", "WARN", "INFO", "INFO", "DEBUG", "TRACE", "TRACE"]
    assert list(LEVELS) == ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]


def test_a_satellite_sets_only_what_it_knows() -> None:
    before = log_levels.in_force()
    assert log_levels.set_levels({"urllib3": "TRACE", "linstor_core": "LOUD"}) == before


def test_the_messages_cross_the_wire() -> None:
    asked, told = SetLogLevels(7, {"": "INFO"}), LogLevels(7, {"": "INFO"})
    assert decode_for_satellite(encode(asked)) == asked
    assert decode_for_controller(encode(told)) == told
