"""Other clusters and object stores that data could be shipped to."""

from __future__ import annotations

from msgspec import field

from linstor_core.wire.rest_bodies import Body
from linstor_core.wire.rest_v1 import Document


class LinstorRemote(Document, frozen=True):
    remote_name: str = ""
    url: str = ""
    cluster_id: str = ""


class S3Remote(Document, frozen=True):
    remote_name: str = ""
    endpoint: str = ""
    bucket: str = ""
    region: str = ""


class EbsRemote(Document, frozen=True):
    remote_name: str = ""
    endpoint: str = ""
    region: str = ""
    availability_zone: str = ""


class Remotes(Document, frozen=True):
    linstor_remotes: tuple[LinstorRemote, ...] = ()
    s3_remotes: tuple[S3Remote, ...] = ()
    ebs_remotes: tuple[EbsRemote, ...] = ()


class LinstorRemoteBody(Body, frozen=True):
    """Creating (all but `passphrase` and `cluster_id`) and modifying (what is given changes)."""

    remote_name: str | None = None
    url: str | None = None
    passphrase: str | None = None
    cluster_id: str | None = None


class S3RemoteBody(Body, frozen=True):
    remote_name: str = ""
    endpoint: str | None = None
    bucket: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    use_path_style: bool | None = None


class EbsRemoteBody(Body, frozen=True):
    remote_name: str = ""
    endpoint: str | None = None
    region: str | None = None
    availability_zone: str | None = None
    access_key: str | None = None
    secret_key: str | None = None


class EbsNodeCreate(Body, frozen=True):
    name: str = ""
    ebs_remote_name: str = ""


class BackupRequest(Body, frozen=True):
    """The bodies of the calls about backups; they differ in which of these they use."""

    rsc_name: str | None = None
    src_rsc_name: str | None = None
    dst_rsc_name: str | None = None
    snap_name: str | None = None
    src_snap_name: str | None = None
    node_name: str | None = None
    src_node_name: str | None = None
    dst_node_name: str | None = None
    incremental: bool | None = None
    passphrase: str | None = None
    restore: bool | None = None
    create: bool | None = None
    target_rsc_name: str | None = None
    last_backup: str | None = None
    stor_pool_map: dict[str, str] = field(default_factory=dict)
    stor_pool_rename: dict[str, str] = field(default_factory=dict)
    snapshot: str | None = None
    download_only: bool | None = None
    force_restore: bool | None = None
    allow_incremental: bool | None = None
    dst_net_if_name: str | None = None
    dst_stor_pool: str | None = None
    dst_rsc_grp: str | None = None
    force_mv_rsc_grp: bool | None = None
