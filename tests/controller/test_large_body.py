"""A body beyond the limit is refused as everything else is, and the controller goes on."""

from __future__ import annotations

import http.client
import json

from linstor_core.controller.server import MAX_BODY_BYTES
from tools.services import Service


def test_a_body_beyond_the_limit_is_refused_with_an_entry(controller_process: Service) -> None:
    connection = http.client.HTTPConnection(controller_process.address, timeout=30)
    connection.request("POST", "/v1/nodes", b" " * (MAX_BODY_BYTES + 1), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    (entry,) = json.loads(answer.read())
    connection.close()
    assert answer.status == 413
    assert entry["correction"]

    again = http.client.HTTPConnection(controller_process.address, timeout=30)
    again.request("GET", "/v1/nodes")
    assert again.getresponse().status == 200
    again.close()
