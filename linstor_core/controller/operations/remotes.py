"""Other clusters and object stores that this one knows of. Their secrets are stored sealed and never shown again."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.change import Operation as Applied
from linstor_core.controller.route import NoBody, Route, Service
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster, Key, key_of
from linstor_core.domain.encryption import SealedSecret
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, NotFound
from linstor_core.domain.registers import EbsRemote, LinstorRemote, Remote, S3Remote
from linstor_core.domain.schedules import ScheduleUse
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_remotes import EbsNodeCreate, EbsRemoteBody, LinstorRemoteBody, S3RemoteBody

WARN_NOT_FOUND = 3000
DEFAULT_PORT = 3370
_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]+", re.ASCII)

Seal = Callable[[str], SealedSecret]
"""Seals a secret under the master key; raises NotFound (312) while that is locked."""
R = TypeVar("R", LinstorRemote, S3Remote, EbsRemote)


class _Controller(Protocol):
    @property
    def apply(self) -> Callable[[Applied], Awaitable[list[ApiCallRc]]]: ...


class _Keyring(Protocol):
    @property
    def seal(self) -> Seal: ...


class Services(Protocol):
    """What these calls need of the application's Services."""

    @property
    def controller(self) -> _Controller: ...

    @property
    def keyring(self) -> _Keyring: ...


def create(cluster: Cluster, context: Context, call: Call[LinstorRemoteBody], seal: Seal) -> Change:
    body = call.body
    refs = {"Remote": body.remote_name or ""}
    with lookups.about(**refs):
        name = _free_name(cluster, body.remote_name)
        passphrase = None if body.passphrase is None else _sealed(cluster, seal, body.passphrase)
        remote = LinstorRemote(context.new_uuid(), name, checked_url(body.url or "", refs),
                               _checked_cluster_id(body.cluster_id), passphrase)
    return Change((remote,), answers=(_told(call, CREATED, remote, "is created"),))


def modify(cluster: Cluster, _: Context, call: Call[LinstorRemoteBody], seal: Seal) -> Change:
    body, name = call.body, call.path["remote"]
    with lookups.about(Remote=name):
        remote = _of_kind(cluster, name, LinstorRemote)
        changed = structs.replace(
            remote, url=remote.url if body.url is None else checked_url(body.url, {"Remote": name}),
            cluster_id=remote.cluster_id if body.cluster_id is None else _checked_cluster_id(body.cluster_id),
            passphrase=remote.passphrase if body.passphrase is None else _sealed(cluster, seal, body.passphrase))
    return Change((changed,), answers=(_told(call, MODIFIED, remote, "is changed"),))


def create_s3(cluster: Cluster, context: Context, call: Call[S3RemoteBody], seal: Seal) -> Change:
    """The store is not asked whether it takes the keys: nothing is shipped to it yet."""
    body = call.body
    with lookups.about(Remote=body.remote_name):
        name = _free_name(cluster, body.remote_name)
        access_key = _sealed(cluster, seal, _given(body.access_key, "access_key"))
        secret_key = _sealed(cluster, seal, _given(body.secret_key, "secret_key"))
        remote = S3Remote(context.new_uuid(), name, _given(body.endpoint, "endpoint"), _given(body.bucket, "bucket"),
                          _given(body.region, "region"), access_key, secret_key, bool(body.use_path_style))
    return Change((remote,), answers=(_told(call, CREATED, remote, "is created"),))


def modify_s3(cluster: Cluster, _: Context, call: Call[S3RemoteBody], seal: Seal) -> Change:
    body = call.body
    with lookups.about(Remote=call.path["remote"]):
        remote = _of_kind(cluster, call.path["remote"], S3Remote)
        changed = structs.replace(
            remote, **_changed(body, ("endpoint", "bucket", "region")), **_new_keys(cluster, seal, body),
            use_path_style=remote.use_path_style if body.use_path_style is None else body.use_path_style)
    return Change((changed,), answers=(_told(call, MODIFIED, remote, "is changed"),))


def create_ebs(cluster: Cluster, context: Context, call: Call[EbsRemoteBody], seal: Seal) -> Change:
    body = call.body
    with lookups.about(Remote=body.remote_name):
        name = _free_name(cluster, body.remote_name)
        access_key = _sealed(cluster, seal, _given(body.access_key, "access_key"))
        secret_key = _sealed(cluster, seal, _given(body.secret_key, "secret_key"))
        remote = EbsRemote(context.new_uuid(), name, _given(body.endpoint, "endpoint"), _given(body.region, "region"),
                           _given(body.availability_zone, "availability_zone"), access_key, secret_key)
    return Change((remote,), answers=(_told(call, CREATED, remote, "is created"),))


def modify_ebs(cluster: Cluster, _: Context, call: Call[EbsRemoteBody], seal: Seal) -> Change:
    body = call.body
    with lookups.about(Remote=call.path["remote"]):
        remote = _of_kind(cluster, call.path["remote"], EbsRemote)
        changed = structs.replace(remote, **_changed(body, ("endpoint", "region", "availability_zone")),
                                  **_new_keys(cluster, seal, body))
    return Change((changed,), answers=(_told(call, MODIFIED, remote, "is changed"),))


def _free_name(cluster: Cluster, given: str | None) -> str:
    name = names.remote_name(given)
    if cluster.remote(name) is not None:
        raise AlreadyExists(f"There is a remote '{name}' already.", Code.EXISTS_REMOTE,
                            correction="Use another name, or change the remote that is there.")
    return name


def _of_kind(cluster: Cluster, name: str, kind: type[R]) -> R:
    remote = found(cluster, name)
    if not isinstance(remote, kind):
        raise Conflict(f"'{remote.name}' is a remote of another kind.", Code.EXISTS_REMOTE,
                       cause=f"It is {_KIND_NAMES[type(remote)]}.",
                       correction="Change it as what it is, or choose another remote.")
    return remote


def _given(value: str | None, name: str) -> str:
    if not value:
        raise InvalidInput(f"The remote lacks '{name}'.", Code.INVLD_CONF, cause="It can't be reached without.",
                           correction=f"Give {name}.")
    return value


def _changed(body: S3RemoteBody | EbsRemoteBody, names_of_fields: tuple[str, ...]) -> dict[str, str]:
    given = {name: getattr(body, name) for name in names_of_fields}
    return {name: _given(value, name) for name, value in given.items() if value is not None}


def _new_keys(cluster: Cluster, seal: Seal, body: S3RemoteBody | EbsRemoteBody) -> dict[str, SealedSecret]:
    return {name: _sealed(cluster, seal, text) for name, text in _changed(body, ("access_key", "secret_key")).items()}


def _sealed(cluster: Cluster, seal: Seal, text: str) -> SealedSecret:
    """Raises NotFound (312) while there is no master key, or nobody has entered its passphrase."""
    if cluster.master_key is None:
        raise NotFound("There is no master passphrase.", Code.NOT_FOUND_CRYPT_KEY,
                       cause="Secrets are stored encrypted only, under the master passphrase.",
                       correction="Create one with 'linstor encryption create-passphrase'.")
    return seal(text)


def found(cluster: Cluster, name: str, *, bare: bool = False) -> Remote:
    """Raises NotFound (321)."""
    remote = cluster.remote(name)
    if remote is None:
        raise NotFound(f"There is no remote '{name}'.", Code.NOT_FOUND_REMOTE, bare=bare,
                       cause="It is not registered.", correction="Compare the name with 'linstor remote list'.")
    return remote


def checked_url(text: str, refs: dict[str, str]) -> str:
    """The URL of a controller, completed by scheme and port. Raises InvalidInput (998)."""
    whole = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(whole)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        parts, port = urlsplit(""), DEFAULT_PORT
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        raise InvalidInput(f"'{text}' is no URL of a controller.", Code.UNKNOWN_ERROR, refs=refs,
                           cause="Scheme, host and port make such a URL; only the host is needed.",
                           correction="For instance http://192.0.2.1:3370.")
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _checked_cluster_id(text: str | None) -> str:
    if not text:
        return ""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidInput(f"'{text}' is no cluster id.", Code.INVLD_CONF,
                           cause="A cluster id is a UUID.",
                           correction="See Cluster/LocalID among the other controller's properties.") from None


def _told(call: Call[Any], code: int, remote: Remote, what: str) -> ApiCallRc:
    refs = {"Remote": call.path.get("remote", remote.name)}
    return call.rc(Severity.SUCCESS, code, f"Remote '{remote.name}' {what}.", refs=refs)


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    """Its schedules are switched off with it."""
    name = next(iter(call.values("remote_name")), "")
    refs = {"Remote": name}
    with lookups.about(**refs):
        names.remote_name(name)
    remote = cluster.remote(name)
    if remote is None:
        return Change(answers=(call.rc(Severity.WARN, WARN_NOT_FOUND, f"There is no remote '{name}'.", refs=refs),))
    gone: list[tuple[type, Key]] = [(type(remote), key_of(name))]
    gone += [(ScheduleUse, key) for key, use in cluster.schedule_uses.items() if key_of(use.remote) == key_of(name)]
    return Change(deletes=tuple(gone), answers=(
        call.rc(Severity.SUCCESS, DELETED, f"Remote '{remote.name}' is deleted.", details="Nothing there was touched.",
                refs=refs),))


def create_ebs_node(cluster: Cluster, _: Context, call: Call[EbsNodeCreate]) -> Change:
    """Refused once the remote is known to be one: no satellite drives such volumes."""
    with lookups.about(Node=call.body.name):
        names.node_name(call.body.name)
        _expect_ebs(found(cluster, call.body.ebs_remote_name))
        raise Conflict("Nodes on EBS are not supported.", Code.PROVIDER_UNSUPPORTED,
                       cause="No satellite of this release creates volumes of Amazon's Elastic Block Store.",
                       correction="Attach the volumes to the machine and use them as a storage pool.")


def _expect_ebs(remote: Remote) -> None:
    if not isinstance(remote, EbsRemote):
        raise InvalidInput(f"'{remote.name}' is no EBS remote.", Code.INVLD_REMOTE_NAME,
                           cause=f"It is {_KIND_NAMES[type(remote)]}.", correction="Name a remote of kind EBS.")


def _sealing(operation: Callable[[Cluster, Context, Call[Any], Seal], Change]) -> Service:
    """The operation with the keyring at hand."""

    async def serve(services: Services, call: Call[Any]) -> object:
        return await services.controller.apply(
            lambda cluster, context: operation(cluster, context, call, services.keyring.seal))

    return serve


_KIND_NAMES: dict[type, str] = {LinstorRemote: "a LINSTOR cluster", S3Remote: "an object store",
                                EbsRemote: "an Elastic Block Store"}
_MASK = Operation.MODIFY | Subject.REMOTE
_PATH = "/v1/remotes"

ROUTES = (
    Route("POST", f"{_PATH}/linstor", "Register another cluster", service=_sealing(create), body=LinstorRemoteBody,
          mask=_MASK),
    Route("PUT", f"{_PATH}/linstor/<remote>", "Change how another cluster is reached", service=_sealing(modify),
          body=LinstorRemoteBody, mask=_MASK),
    Route("POST", f"{_PATH}/s3", "Register a bucket of an object store", service=_sealing(create_s3),
          body=S3RemoteBody, mask=_MASK),
    Route("PUT", f"{_PATH}/s3/<remote>", "Change how an object store is reached", service=_sealing(modify_s3),
          body=S3RemoteBody, mask=_MASK),
    Route("POST", f"{_PATH}/ebs", "Register an Elastic Block Store", service=_sealing(create_ebs), body=EbsRemoteBody,
          mask=_MASK),
    Route("PUT", f"{_PATH}/ebs/<remote>", "Change how an Elastic Block Store is reached", service=_sealing(modify_ebs),
          body=EbsRemoteBody, mask=_MASK),
    Route("DELETE", _PATH, "Forget the remote named by `remote_name`", write=delete, mask=_MASK),
    Route("POST", "/v1/nodes/ebs", "Refused: no satellite drives EBS", write=create_ebs_node, body=EbsNodeCreate,
          mask=Operation.CREATE | Subject.NODE),
)
