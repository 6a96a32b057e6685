"""linstor remote …"""

from __future__ import annotations

from getpass import getpass

from linstor_core.cli.arguments import PASTABLE
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import Column
from linstor_core.wire.rest_remotes import EbsRemoteBody, LinstorRemoteBody, S3RemoteBody

_NAME = Arg("name", "name of the remote", completes="remotes")
_SECRET = Arg("secret_key", "asked for where it is not given", "?")
_ASKED = ""
"""What an option with an optional value is when it was given without one: ask for the secret."""


def list_remotes(call: Call) -> None:
    found = call.client.remotes()
    rows = [
        *([s3.remote_name, "S3", f"{s3.region}.{s3.endpoint}/{s3.bucket}"] for s3 in found.s3_remotes),
        *([other.remote_name, "Linstor", other.url] for other in found.linstor_remotes),
        *([ebs.remote_name, "EBS", f"{ebs.endpoint}, AZ: {ebs.availability_zone}"] for ebs in found.ebs_remotes)]
    call.table([Column("Name"), Column("Type"), Column("Info")], rows, bare_json=True)


def _secret(value: str | None, question: str) -> str | None:
    return getpass(question) if value == _ASKED else value


def create_s3(call: Call) -> None:
    args = call.args
    call.show(call.client.create_s3_remote(S3RemoteBody(
        remote_name=args.name, endpoint=args.endpoint, bucket=args.bucket, region=args.region,
        access_key=args.access_key, secret_key=args.secret_key or getpass("Secret key: "),
        use_path_style=args.use_path_style)))


def modify_s3(call: Call) -> None:
    args = call.args
    call.show(call.client.modify_s3_remote(args.name, S3RemoteBody(
        endpoint=args.endpoint, bucket=args.bucket, region=args.region, access_key=args.access_key,
        secret_key=_secret(args.secret_key, "Secret key: "))))


def create_linstor(call: Call) -> None:
    args = call.args
    call.show(call.client.create_linstor_remote(LinstorRemoteBody(
        remote_name=args.name, url=args.url, cluster_id=args.cluster_id,
        passphrase=_secret(args.passphrase, "Passphrase of the other cluster: "))))


def modify_linstor(call: Call) -> None:
    args = call.args
    call.show(call.client.modify_linstor_remote(args.name, LinstorRemoteBody(
        url=args.url, cluster_id=args.cluster_id,
        passphrase=_secret(args.passphrase, "Passphrase of the other cluster: "))))


def create_ebs(call: Call) -> None:
    args = call.args
    call.show(call.client.create_ebs_remote(EbsRemoteBody(
        remote_name=args.name, endpoint=args.endpoint, region=args.region, availability_zone=args.availability_zone,
        access_key=args.access_key, secret_key=args.secret_key or getpass("Secret key: "))))


def modify_ebs(call: Call) -> None:
    args = call.args
    call.show(call.client.modify_ebs_remote(args.name, EbsRemoteBody(
        endpoint=args.endpoint, region=args.region, availability_zone=args.availability_zone,
        access_key=args.access_key, secret_key=_secret(args.secret_key, "Secret key: "))))


_PASSPHRASE = Arg("--passphrase", "the other cluster's master passphrase; without a value it is asked for", "?",
                  const=_ASKED)
_CLUSTER_ID = Arg("--cluster-id", "UUID of the other cluster: its property Cluster/LocalID")
_ENDPOINT = Arg("--endpoint", "address of the service; left out, it follows from the region")
_REGION = Arg("--region", "left out, it follows from the zone")
_CHANGED_KEYS = (Arg("--access-key", "its new access key", aliases=("--access_key",)),
                 Arg("--secret-key", "its new secret key; without a value it is asked for", "?", ("--secret_key",),
                     const=_ASKED))

NOUN = Noun("remote", (), "Places outside of the cluster that data can be shipped to.", (
    Command("list", ("l",), "Show the remotes.", (PASTABLE,), list_remotes, reads=True),
    Noun("create", ("c",), "Register a remote.", (
        Command("s3", (), "An object store.",
                (Arg("--use-path-style", "the bucket is part of the path", "flag"), _NAME, Arg("endpoint"),
                 Arg("bucket"), Arg("region"), Arg("access_key"), _SECRET), create_s3),
        Command("linstor", ("l",), "Another cluster.",
                (_CLUSTER_ID, _PASSPHRASE, _NAME, Arg("url", "address of its controller")), create_linstor),
        Command("ebs", (), "Elastic block storage.",
                (_ENDPOINT, _REGION, _NAME, Arg("availability_zone"), Arg("access_key"), _SECRET), create_ebs),
    )),
    Noun("modify", ("m",), "Change what is given.", (
        Command("s3", (), "An object store.",
                (_NAME, Arg("--endpoint"), Arg("--bucket"), Arg("--region"), *_CHANGED_KEYS), modify_s3),
        Command("linstor", ("l",), "Another cluster.", (_NAME, Arg("--url"), _CLUSTER_ID, _PASSPHRASE),
                modify_linstor),
        Command("ebs", (), "Elastic block storage.",
                (_NAME, _ENDPOINT, _REGION, Arg("--availability-zone", "its zone", aliases=("--az",)),
                 *_CHANGED_KEYS), modify_ebs),
    )),
    Command("delete", ("d",), "Forget a remote; what is kept there stays.", (_NAME,),
            lambda call: call.show(call.client.delete_remote(call.args.name))),
))
