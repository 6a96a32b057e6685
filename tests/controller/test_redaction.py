"""What leaves in an SOS report holds no secret, whatever kind of document it stands in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from linstor_core.controller import migrations
from linstor_core.controller.diagnostics.redaction import MASK, redacted, without_logins
from linstor_core.domain.cluster import ControllerSettings, KeyValueStore
from linstor_core.domain.resource_definitions import DrbdDefinition, ResourceDefinition

GOLDEN = sorted((Path(__file__).parents[1] / "migrations").glob("*.json"))


@pytest.mark.parametrize("name", [
    "DrbdOptions/Net/shared-secret", "DrbdOptions/EncryptPassphrase", "Aux/db_password", "Aux/LDAP/PASSWD",
    "Aux/api-key", "Aux/api_token", "Aux/S3/AccessKey", "Aux/credentials", "NetCom/SslConnector/KeyPasswd",
    "Aux/private_key"])
def test_telling_names_lose_their_values(name: str) -> None:
    plain = redacted("controller", ControllerSettings("c", props={name: "hunter2", "Aux/site": "berlin"}))
    assert plain["props"] == {name: MASK, "Aux/site": "berlin"}


def test_the_secret_of_a_drbd_resource_goes() -> None:
    document = ResourceDefinition("u", "r", "g", drbd=DrbdDefinition("hunter2", port=7000))
    plain = redacted("resource_definition", document)
    assert plain["drbd"]["secret"] == MASK and plain["drbd"]["port"] == 7000


def test_the_values_of_other_programs_go_their_keys_stay() -> None:
    plain = redacted("key_value_store", KeyValueStore("csi", {"volume": "hunter2"}))
    assert plain == {"name": "csi", "props": {"volume": MASK}}


def test_logins_in_addresses_go() -> None:
    text = without_logins("https://admin:hunter2@host:3370/x and postgresql://hunter2@db/l, mail a@b.c")
    assert "hunter2" not in text and "@host:3370/x" in text and "a@b.c" in text


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_kind_can_be_redacted(path: Path) -> None:
    kind = path.stem.rpartition("-v")[0]
    raw: dict[str, Any] = json.loads(path.read_text())
    document = migrations.decode(kind, int(path.stem.rpartition("-v")[2]), json.dumps(raw).encode())
    assert json.dumps(redacted(kind, document))
