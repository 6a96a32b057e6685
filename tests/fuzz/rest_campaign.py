"""`python -m tests.fuzz.rest_campaign STATE [SECONDS]`: schemathesis against a controller that this process starts.

Run it in a network namespace of its own: generated nodes have addresses, and the controller dials them. What was wrong
is printed, one JSON object a line; the exit status is 1 then.
"""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup

from tools import processes, services

CASES = {GenerationMode.POSITIVE: 4, GenerationMode.NEGATIVE: 2}
"""A call and kind of input; negative ones break the schema on purpose."""

HANGS_AFTER_S = 15.0
"""Longer than any call waits for a satellite that can't be reached (10 s)."""

UNWANTED = ("/v1/controller/auth/", "/v1/encryption/")
"""Calls after which no other gets through, or each takes a second of scrypt."""

ENDLESS = "/v1/events/"
"""Answers that go on until the listener leaves."""

MAY_HOLD_TRACEBACKS = ("/sos-report", "/error-reports")

OTHER_REFUSALS = "/drbd-reactorctl/"
"""LINSTOR's own refusal of these is no list of ApiCallRc."""

KNOWN = {"node": ("alpha", "bravo"), "node_a": ("alpha",), "node_b": ("bravo",), "resource": ("db", "web"),
         "group": ("gold", "DfltRscGrp"), "pool": ("thin",), "snapshot": ("monday",), "number": ("0", "1"),
         "store": ("store",), "remote": ("other",), "interface": ("default",), "first": ("alpha",),
         "second": ("bravo",), "key": ("Aux/a",), "schedule": ("daily",)}
"""Names that the calls in `populate` have made: paths take them half of the time."""

load_all_checks()
CONFORMANCE = [CHECKS.get_one(name) for name in ("response_schema_conformance", "content_type_conformance",
                                                 "status_code_conformance")]


class Campaign:
    def __init__(self, url: str, until: float) -> None:
        self.url = url
        self.until = until
        self.faults: list[dict[str, Any]] = []
        self.statuses: Counter[int] = Counter()
        self.skipped = 0
        self._session = requests.Session()
        self._random = random.Random(1)

    def run(self) -> None:
        schema = schemathesis.openapi.from_url(f"{self.url}/v1/openapi.json")
        operations = [found.ok() for found in schema.get_all_operations()]
        wanted = [each for each in operations if not each.path.startswith(ENDLESS)
                  and (not each.path.startswith(UNWANTED) or each.method == "get")]
        self._random.shuffle(wanted)
        for mode, operation in itertools.product(CASES, wanted):
            if time.monotonic() > self.until:
                self.skipped += 1
                continue
            self._try(operation, mode)

    def _try(self, operation: Any, mode: GenerationMode) -> None:
        @seed(1)
        @settings(max_examples=CASES[mode], deadline=None, database=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def one(case: Any) -> None:
            self._send(case, operation)

        try:
            one()
        except schemathesis.errors.InvalidSchema as fault:
            self._note(operation, "the description is wrong", str(fault))
        except Exception as fault:
            if type(fault).__name__ not in ("Unsatisfiable", "Flaky", "FlakyFailure"):
                raise

    def _send(self, case: Any, operation: Any) -> None:
        for name in case.path_parameters or {}:
            if name in KNOWN and self._random.random() < 0.5:
                case.path_parameters[name] = self._random.choice(KNOWN[name])
        try:
            response = case.call(session=self._session, timeout=HANGS_AFTER_S)
        except requests.RequestException as fault:
            self._note(operation, "no answer", repr(fault), case)
            return
        self.statuses[response.status_code] += 1
        self._check(case, operation, response)

    def _check(self, case: Any, operation: Any, response: Any) -> None:
        if b"Traceback" in response.content and not any(place in operation.path for place in MAY_HOLD_TRACEBACKS):
            self._note(operation, "a traceback", str(response.content[-500:]), case)
        if response.status_code >= 400 and OTHER_REFUSALS not in operation.path and operation.path != "/ui":
            self._check_refusal(case, operation, response)
        if (OTHER_REFUSALS in operation.path and response.status_code == 400) or operation.path == "/ui":
            return
        try:
            case.validate_response(response, checks=CONFORMANCE)
        except (FailureGroup, Failure) as fault:
            self._note(operation, f"status {response.status_code} is not as described", _reasons(fault), case)

    def _check_refusal(self, case: Any, operation: Any, response: Any) -> None:
        try:
            body = json.loads(response.content)
        except ValueError:
            self._note(operation, f"status {response.status_code} without JSON", str(response.content[:300]), case)
            return
        entries = body["entries"] if isinstance(body, dict) else body
        codes = [entry["ret_code"] for entry in entries]
        if not any((code >> 62) & 3 == 3 for code in codes):
            self._note(operation, f"status {response.status_code} without an error", str(response.content[:300]), case)
        if any(code & 0x7FFF == 999 for code in codes):
            self._note(operation, "a fault of the controller", str(response.content[:600]), case)

    def _note(self, operation: Any, what: str, details: str, case: Any = None) -> None:
        asked = case.as_curl_command() if case is not None else ""
        self.faults.append({"call": operation.label, "what": what, "details": details[:800], "asked": asked[:800]})


def _reasons(fault: Exception) -> str:
    parts = fault.exceptions if isinstance(fault, FailureGroup) else [fault]
    return "; ".join(f"{getattr(part, 'title', '')}: {getattr(part, 'message', part)}" for part in parts)


def populate(url: str) -> None:
    """The objects behind `KNOWN`; nothing answers at the nodes' addresses."""
    part = {"name": "default", "address": "127.0.0.1", "satellite_port": 1, "satellite_encryption_type": "PLAIN"}
    for method, path, body in (
            *(("POST", "/v1/nodes", {"name": name, "type": "SATELLITE", "net_interfaces": [part]})
              for name in KNOWN["node"]),
            ("POST", "/v1/resource-groups", {"name": "gold", "select_filter": {"place_count": 1}}),
            ("POST", "/v1/resource-groups/gold/volume-groups", {}),
            *(("POST", "/v1/resource-definitions", {"resource_definition": {"name": name}})
              for name in KNOWN["resource"]),
            ("POST", "/v1/resource-definitions/db/volume-definitions", {"volume_definition": {"size_kib": 4096}}),
            ("PUT", "/v1/key-value-store/store", {"override_props": {"a": "1"}}),
            ("POST", "/v1/controller/properties", {"override_props": {"Aux/a": "1"}}),
            ("POST", "/v1/remotes/linstor", {"remote_name": "other", "url": "http://127.0.0.1:1"})):
        answer = requests.request(method, f"{url}{path}", json=body, timeout=HANGS_AFTER_S)
        assert answer.status_code < 300, (path, answer.text)


def main(state: Path, seconds: float) -> int:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    until = time.monotonic() + seconds
    address, log = services.free_address(), state / "controller.log"
    identity = services.start("linstor_core.controller", ["--listen", address, "--state", str(state / "state")], log)
    try:
        services.wait_until_healthy(address, identity, log)
        populate(f"http://{address}")
        campaign = Campaign(f"http://{address}", until)
        campaign.run()
        if not processes.is_alive(identity):
            campaign.faults.append({"what": "the controller ended"})
    finally:
        processes.stop(identity, timeout_s=10)
    for fault in campaign.faults:
        print(json.dumps(fault))
    print(json.dumps({"requests": campaign.statuses.total(), "statuses": campaign.statuses,
                      "left_out": campaign.skipped, "faults": len(campaign.faults)}))
    return 1 if campaign.faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 60.0))
