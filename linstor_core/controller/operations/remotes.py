"""Other clusters that this one knows of. Nothing is shipped there yet: every call that would is refused."""

from __future__ import annotations

import re
import uuid
from typing import Any
from urllib.parse import urlsplit

from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, LinstorError, NotFound
from linstor_core.domain.registers import LinstorRemote
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, Operation, Severity, Subject
from linstor_core.wire.rest_remotes import EbsNodeCreate, EbsRemoteBody, LinstorRemoteBody, S3RemoteBody

WARN_NOT_FOUND = 3000
DEFAULT_PORT = 3370
_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]+", re.ASCII)


def create(cluster: Cluster, context: Context, call: Call[LinstorRemoteBody]) -> Change:
    body = call.body
    refs = {"Remote": body.remote_name or ""}
    name = _checked_name(body.remote_name, refs)
    _check_free(cluster, name, refs)
    _check_passphrase(cluster, body.passphrase, refs)
    remote = LinstorRemote(context.new_uuid(), name, checked_url(body.url or "", refs),
                           _checked_cluster_id(body.cluster_id, refs))
    return Change((remote,), answers=(call.rc(Severity.SUCCESS, CREATED, f"Remote '{name}' is created.", refs=refs),))


def modify(cluster: Cluster, _: Context, call: Call[LinstorRemoteBody]) -> Change:
    body, name = call.body, call.path["remote"]
    refs = {"Remote": name}
    remote = found(cluster, name, refs)
    _check_passphrase(cluster, body.passphrase, refs)
    changed = structs.replace(
        remote, url=remote.url if body.url is None else checked_url(body.url, refs),
        cluster_id=remote.cluster_id if body.cluster_id is None else _checked_cluster_id(body.cluster_id, refs))
    return Change((changed,), answers=(
        call.rc(Severity.SUCCESS, MODIFIED, f"Remote '{remote.name}' is changed.", refs=refs),))


def found(cluster: Cluster, name: str, refs: dict[str, str] | None = None, *, bare: bool = False) -> LinstorRemote:
    """Raises NotFound (321)."""
    remote = cluster.linstor_remotes.get(key_of(name))
    if remote is None:
        raise NotFound(f"There is no remote '{name}'.", Code.NOT_FOUND_REMOTE, refs=refs, bare=bare,
                       cause="It is not registered.", correction="Compare the name with 'linstor remote list'.")
    return remote


def _checked_name(name: str | None, refs: dict[str, str]) -> str:
    try:
        return names.remote_name(name)
    except LinstorError as fault:
        fault.refs = refs
        raise


def _check_free(cluster: Cluster, name: str, refs: dict[str, str]) -> None:
    if key_of(name) in cluster.linstor_remotes:
        raise AlreadyExists(f"There is a remote '{name}' already.", Code.EXISTS_REMOTE, refs=refs,
                            correction="Use another name, or change the remote that is there.")


def _check_passphrase(cluster: Cluster, passphrase: str | None, refs: dict[str, str]) -> None:
    """A remote's secrets would be kept under the master passphrase."""
    if passphrase is None:
        return
    if cluster.master_key is None:
        raise NotFound("There is no master passphrase.", Code.NOT_FOUND_CRYPT_KEY, refs=refs,
                       cause="Secrets are stored encrypted only, under the master passphrase.",
                       correction="Create one with 'linstor encryption create-passphrase'.")
    raise Conflict("Remotes with secrets can't be used yet.", Code.UNKNOWN_ERROR, refs=refs,
                   cause="This release ships no data to remotes.", correction="Leave the secret out.")


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


def _checked_cluster_id(text: str | None, refs: dict[str, str]) -> str:
    if not text:
        return ""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidInput(f"'{text}' is no cluster id.", Code.INVLD_CONF, refs=refs,
                           cause="A cluster id is a UUID.",
                           correction="See Cluster/LocalID among the other controller's properties.") from None


def create_with_secret(cluster: Cluster, _: Context, call: Call[S3RemoteBody | EbsRemoteBody]) -> Change:
    refs = {"Remote": call.body.remote_name}
    _check_free(cluster, _checked_name(call.body.remote_name, refs), refs)
    _check_passphrase(cluster, call.body.secret_key or "", refs)
    return Change()


def modify_with_secret(cluster: Cluster, _: Context, call: Call[Any]) -> Change:
    name = call.path["remote"]
    refs = {"Remote": name}
    remote = found(cluster, name, refs)
    raise Conflict(f"'{remote.name}' is a remote of another kind.", Code.EXISTS_REMOTE, refs=refs,
                   cause="It is a LINSTOR cluster.")


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    name = next(iter(call.values("remote_name")), "")
    refs = {"Remote": name}
    _checked_name(name, refs)
    if key_of(name) not in cluster.linstor_remotes:
        return Change(answers=(call.rc(Severity.WARN, WARN_NOT_FOUND, f"There is no remote '{name}'.", refs=refs),))
    return Change(deletes=((LinstorRemote, key_of(name)),), answers=(
        call.rc(Severity.SUCCESS, DELETED, f"Remote '{name}' is deleted.", details="Nothing there was touched.",
                refs=refs),))


def create_ebs_node(cluster: Cluster, _: Context, call: Call[EbsNodeCreate]) -> Change:
    refs = {"Node": call.body.name}
    found(cluster, call.body.ebs_remote_name, refs)
    raise Conflict(f"'{call.body.ebs_remote_name}' is no EBS remote.", Code.INVLD_REMOTE_NAME, refs=refs)


_MASK = Operation.MODIFY | Subject.REMOTE

ROUTES = (
    Route("POST", "/v1/remotes/linstor", "Register another cluster", write=create, body=LinstorRemoteBody, mask=_MASK),
    Route("PUT", "/v1/remotes/linstor/<remote>", "Change another cluster's address", write=modify,
          body=LinstorRemoteBody, mask=_MASK),
    Route("POST", "/v1/remotes/s3", "Refused: object stores are not supported", write=create_with_secret,
          body=S3RemoteBody, mask=_MASK),
    Route("PUT", "/v1/remotes/s3/<remote>", "Refused: object stores are not supported", write=modify_with_secret,
          body=S3RemoteBody, mask=_MASK),
    Route("POST", "/v1/remotes/ebs", "Refused: EBS is not supported", write=create_with_secret, body=EbsRemoteBody,
          mask=_MASK),
    Route("PUT", "/v1/remotes/ebs/<remote>", "Refused: EBS is not supported", write=modify_with_secret,
          body=EbsRemoteBody, mask=_MASK),
    Route("DELETE", "/v1/remotes", "Forget the remote named by `remote_name`", write=delete, mask=_MASK),
    Route("POST", "/v1/nodes/ebs", "Refused: EBS is not supported", write=create_ebs_node, body=EbsNodeCreate,
          mask=Operation.CREATE | Subject.NODE),
)
