"""REST v1 about the controller itself: its configuration, copies of its database, its tokens."""

from __future__ import annotations

from typing import Any

from linstor_core.wire.rest_bodies import Body
from linstor_core.wire.rest_v1 import Document

# Configuration


class ConfigFolder(Document, frozen=True):
    dir: str


class DebugConfig(Document, frozen=True):
    console_enabled: bool


class LogConfig(Document, frozen=True):
    """`level` is that of the libraries, `level_linstor` that of the controller itself."""

    print_stack_trace: bool
    level: str
    level_linstor: str
    rest_access_mode: str
    directory: str = ""


class DatabaseConfig(Document, frozen=True):
    connection_url: str


class ListenConfig(Document, frozen=True):
    enabled: bool
    listen_address: str = ""
    port: int | None = None


class LdapConfig(Document, frozen=True):
    enabled: bool


class ControllerConfig(Document, frozen=True):
    """With what a controller runs."""

    config: ConfigFolder
    debug: DebugConfig
    log: LogConfig
    db: DatabaseConfig
    http: ListenConfig
    https: ListenConfig
    ldap: LdapConfig


class LogModify(Body, frozen=True):
    """Levels are ERROR, WARN, INFO, DEBUG and TRACE; the other fields can't be changed at run time."""

    level: str | None = None
    level_global: str | None = None
    level_linstor: str | None = None
    level_linstor_global: str | None = None
    print_stack_trace: bool | None = None
    directory: str | None = None
    rest_access_log_path: str | None = None
    rest_access_mode: str | None = None


class ControllerConfigModify(Body, frozen=True):
    """Only the levels in `log` can be changed; a client may send the rest back as it got it."""

    log: LogModify | None = None
    config: dict[str, Any] | None = None
    debug: dict[str, Any] | None = None
    db: dict[str, Any] | None = None
    http: dict[str, Any] | None = None
    https: dict[str, Any] | None = None
    ldap: dict[str, Any] | None = None


class NodeConfigModify(Body, frozen=True):
    """The same of a satellite."""

    log: LogModify | None = None
    config: dict[str, Any] | None = None
    debug: dict[str, Any] | None = None
    net: dict[str, Any] | None = None
    stlt_override_node_name: str | None = None
    remote_spdk: bool | None = None
    ebs: bool | None = None
    special_satellite: bool | None = None
    drbd_keep_res_pattern: str | None = None


# Copies of the database


class DatabaseBackup(Body, frozen=True):
    """`backup_name` is a file's name without a folder; left out, the name tells the time."""

    backup_name: str | None = None


class DatabaseExport(Body, frozen=True):
    """`comment` is written into the export."""

    comment: str | None = None


# Tokens


class AuthToken(Document, frozen=True):
    """Times are ISO 8601; what a caller has to send is not in it, since nobody knows it any more."""

    id: int
    description: str
    created_at: str
    is_active: bool
    expires_at: str = ""
    ip_filter: str = ""
    is_user_token: bool | None = None


class AuthTokens(Document, frozen=True):
    count: int
    list: tuple[AuthToken, ...] = ()


class AuthTokenCreate(Body, frozen=True):
    """`expires_at` is ISO 8601, in UTC unless it says otherwise; `ip_filter` has addresses and networks."""

    description: str = ""
    expires_at: str | None = None
    ip_filter: str | None = None


class AuthTokenModify(Body, frozen=True):
    description: str | None = None
    ip_filter: str | None = None
    is_active: bool | None = None


class AuthTokenInitialize(Body, frozen=True):
    description: str = ""
    only_satellites: bool = False
    no_https: bool = False
