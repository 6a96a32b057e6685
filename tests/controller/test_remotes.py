"""Remotes: their secrets are stored sealed, never shown, and refused while nothing can seal them."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from linstor_core.controller import plans
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change
from linstor_core.controller.diagnostics.redaction import redacted
from linstor_core.controller.keyring import Keyring
from linstor_core.controller.operations import backups, remotes
from linstor_core.controller.queries import registers
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, LinstorError, NotFound
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.testing.builders import Model
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.rest_remotes import (
    BackupRequest,
    EbsNodeCreate,
    EbsRemoteBody,
    LinstorRemoteBody,
    S3RemoteBody,
)

S3 = S3RemoteBody(remote_name="vault", endpoint="https://store.example", bucket="b", region="eu", access_key="AK-1",
                  secret_key="SK-1", use_path_style=True)
EBS = EbsRemoteBody(remote_name="blocks", endpoint="https://ec2.example", region="eu", availability_zone="eu-1a",
                    access_key="AK-2", secret_key="SK-2")
EAST = LinstorRemoteBody(remote_name="east", url="192.0.2.1")


class Sealing(Model):
    """A cluster with a keyring, locked unless a passphrase was set."""

    def __init__(self, passphrase: str = "") -> None:
        super().__init__()
        self.keyring = Keyring()
        if passphrase:
            self.put(self.keyring.create(passphrase))

    def do(self, write: Any, body: Any, **path: str) -> Change:
        return self.run(partial(write, seal=self.keyring.seal), body, **path)


@pytest.mark.parametrize(("text", "url"), [
    ("192.0.2.1", "http://192.0.2.1:3370"), ("https://host.example:3371", "https://host.example:3371"),
    ("http://[2001:db8::1]", "http://[2001:db8::1]:3370"),
])
def test_the_url_of_a_cluster_is_completed(text: str, url: str) -> None:
    assert remotes.checked_url(text, {}) == url


@pytest.mark.parametrize("text", ["not a url", "ftp://host", "http://", "http://host:99999", "http://user@host"])
def test_what_is_no_url_of_a_cluster(text: str) -> None:
    with pytest.raises(InvalidInput):
        remotes.checked_url(text, {})


def test_another_cluster_is_kept_changed_and_forgotten() -> None:
    model = Sealing()
    model.do(remotes.create, EAST)
    with pytest.raises(AlreadyExists):
        model.do(remotes.create, LinstorRemoteBody(remote_name="EAST", url="192.0.2.2"))
    model.do(remotes.modify, LinstorRemoteBody(url="192.0.2.9"), remote="east")
    shown = registers.list_linstor_remotes(model.cluster, Call(None))
    assert [(remote.remote_name, remote.url) for remote in shown] == [("east", "http://192.0.2.9:3370")]
    model.run(remotes.delete, query={"remote_name": ["East"]})
    assert not model.cluster.linstor_remotes


@pytest.mark.parametrize(("write", "body"), [
    (remotes.create, LinstorRemoteBody(remote_name="east", url="192.0.2.1", passphrase="hidden-1")),
    (remotes.create_s3, S3), (remotes.create_ebs, EBS)])
def test_without_a_master_key_no_secret_is_taken(write: Any, body: Any) -> None:
    unset, locked = Sealing(), Sealing("correct horse")
    locked.keyring.forget()
    corrections = []
    for model in (unset, locked):
        with pytest.raises(NotFound) as refusal:
            model.do(write, body)
        assert refusal.value.code == Code.NOT_FOUND_CRYPT_KEY
        assert refusal.value.refs == {"Remote": body.remote_name}
        corrections.append(refusal.value.correction)
        assert model.cluster.remote(body.remote_name) is None
    assert "create-passphrase" in corrections[0] and "enter-passphrase" in corrections[1]


def test_secrets_are_stored_sealed_and_never_shown() -> None:
    model = Sealing("correct horse")
    model.do(remotes.create, LinstorRemoteBody(remote_name="east", url="192.0.2.1", passphrase="hidden-1"))
    model.do(remotes.create_s3, S3)
    model.do(remotes.create_ebs, EBS)
    model.do(remotes.modify_s3, S3RemoteBody(secret_key="SK-3", bucket="c"), remote="Vault")

    stored = model.cluster.s3_remotes["VAULT"]
    assert (stored.bucket, stored.region, stored.use_path_style) == ("c", "eu", True)
    assert [model.keyring.reveal(key) for key in (stored.access_key, stored.secret_key)] == ["AK-1", "SK-3"]
    everything = [model.cluster.linstor_remotes["EAST"], stored, model.cluster.ebs_remotes["BLOCKS"]]
    shown = [msgspec.json.encode(registers.list_remotes(model.cluster, Call(None))),
             msgspec.json.encode(everything), msgspec.json.encode([redacted("x", remote) for remote in everything])]
    for text in shown:
        assert not [secret for secret in (b"hidden-1", b"AK-", b"SK-") if secret in text]
    assert b"wrapped" not in shown[0] and stored.secret_key.wrapped.encode() not in shown[2]
    assert shown[0].count(b"remote_name") == 3


def test_a_plan_shows_no_secret() -> None:
    model = Sealing("correct horse")
    change = partial(remotes.create_s3, seal=model.keyring.seal)(model.cluster, model.context, Call(S3))
    shown = plans._objects(model.cluster, change)
    assert [(each.action, sorted(each.after)) for each in shown] == [
        ("create", ["bucket", "endpoint", "name", "region", "use_path_style", "uuid"])]


def test_what_a_remote_lacks_is_named() -> None:
    model = Sealing("correct horse")
    with pytest.raises(InvalidInput, match="bucket"):
        model.do(remotes.create_s3, msgspec.structs.replace(S3, bucket=None))
    with pytest.raises(InvalidInput, match="secret_key"):
        model.do(remotes.create_s3, msgspec.structs.replace(S3, secret_key=""))
    assert not model.cluster.s3_remotes


def test_kinds_share_their_names_and_stay_what_they_are() -> None:
    model = Sealing("correct horse")
    model.do(remotes.create, EAST)
    with pytest.raises(AlreadyExists):
        model.do(remotes.create_s3, msgspec.structs.replace(S3, remote_name="East"))
    with pytest.raises(Conflict) as refusal:
        model.do(remotes.modify_s3, S3RemoteBody(bucket="x"), remote="east")
    assert refusal.value.code == Code.EXISTS_REMOTE
    with pytest.raises(InvalidInput) as no_ebs:
        model.run(remotes.create_ebs_node, EbsNodeCreate(name="node", ebs_remote_name="east"))
    assert no_ebs.value.code == Code.INVLD_REMOTE_NAME
    model.do(remotes.create_ebs, EBS)
    with pytest.raises(Conflict) as unsupported:
        model.run(remotes.create_ebs_node, EbsNodeCreate(name="node", ebs_remote_name="blocks"))
    assert unsupported.value.code == Code.PROVIDER_UNSUPPORTED


def test_a_secret_of_another_master_key_is_refused() -> None:
    first, second = Keyring(), Keyring()
    first.create("one")
    second.create("two")
    with pytest.raises(InvalidInput):
        second.reveal(first.seal("text"))


@pytest.mark.parametrize("write", [backups.ship, backups.delete, backups.inform, backups.abort, backups.create])
def test_backups_are_refused(write: Any) -> None:
    model = Sealing("correct horse")
    model.do(remotes.create, EAST)
    model.do(remotes.create_s3, S3)
    model.put(ResourceDefinition("u", "data", "DfltRscGrp"))
    codes = []
    for name in ("west", "east", "vault"):
        with pytest.raises(LinstorError) as refusal:
            model.run(write, BackupRequest(rsc_name="data"), remote=name)
        codes.append(refusal.value.code)
    assert codes == [Code.NOT_FOUND_REMOTE, Code.INVLD_REMOTE_NAME, Code.INVLD_BACKUP_CONFIG]


def test_other_clusters_are_told_that_nothing_is_received() -> None:
    with pytest.raises(InvalidInput) as refusal:
        Model().run(backups.receive, msgspec.Raw(b"{}"))
    entry = ApiCallRc(0, refusal.value.message, refusal.value.cause, "", refusal.value.correction)
    assert entry.cause and entry.correction
