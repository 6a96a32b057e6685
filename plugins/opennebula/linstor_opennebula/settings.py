"""The plugin's settings: one TOML file, with secrets in files of their own that nobody else may read."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from linstor_core.client.transport import Credentials
from linstor_opennebula.errors import BadSettings
from linstor_opennebula.hosts import SSH

VARIABLE = "LINSTOR_OPENNEBULA_CONF"
FILE = Path("etc/linstor/linstor.toml")
"""Relative to OpenNebula's folder of drivers (remotes)."""


@dataclass(frozen=True)
class Settings:
    """`controllers` serves datastores that name none; `privileged` goes before commands that open devices.

    `one_commands` is the folder of `onevm` and `onedatastore` where they are not in PATH.
    """

    controllers: str = ""
    credentials: Credentials = field(default_factory=Credentials)
    timeout_s: float = 300.0
    ssh: tuple[str, ...] = SSH
    privileged: tuple[str, ...] = ()
    one_commands: str = ""
    one_endpoint: str = "http://localhost:2633/RPC2"
    one_auth_file: str = "~/.one/one_auth"


def load(remotes: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Defaults where there is no file. Raises BadSettings."""
    named = environment.get(VARIABLE)
    path = Path(named) if named else remotes / FILE
    try:
        found = tomllib.loads(path.read_text())
    except FileNotFoundError:
        if named:
            raise BadSettings(f"{path}, which {VARIABLE} names, does not exist") from None
        return Settings()
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{path} cannot be read: {error}") from error
    return _settings(found, path)


def _settings(found: dict[str, Any], path: Path) -> Settings:
    unknown = found.keys() - {"controllers", "token_file", "user", "password_file", "ca_file", "certificate_file",
                              "key_file", "timeout_s", "ssh", "privileged", "one_commands", "one_endpoint",
                              "one_auth_file"}
    if unknown:
        raise BadSettings(f"{path} sets {', '.join(sorted(unknown))}, which this plugin does not know")
    key_file = _word(found, "key_file")
    if key_file:
        secret(Path(key_file))
    credentials = Credentials(
        token=secret(Path(found["token_file"])) if "token_file" in found else "", user=_word(found, "user"),
        password=secret(Path(found["password_file"])) if "password_file" in found else "",
        ca_file=_word(found, "ca_file"), certificate_file=_word(found, "certificate_file"), key_file=key_file)
    defaults = Settings()
    return Settings(
        _word(found, "controllers"), credentials, float(found.get("timeout_s", defaults.timeout_s)),
        tuple(found.get("ssh", defaults.ssh)), tuple(found.get("privileged", ())), _word(found, "one_commands"),
        _word(found, "one_endpoint") or defaults.one_endpoint, _word(found, "one_auth_file") or defaults.one_auth_file)


def _word(found: dict[str, Any], key: str) -> str:
    return str(found.get(key, ""))


def secret(path: Path) -> str:
    """The content of a file that only its owner may read, who has to be this user or root. Raises BadSettings."""
    try:
        with path.expanduser().open() as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid not in (os.geteuid(), 0):
                raise BadSettings(f"{path} has to be a file of the user who runs this, or of root")
            if status.st_mode & 0o077:
                raise BadSettings(f"{path} holds a secret that others may read: chmod 600 {path}")
            return stream.read().strip()
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror}") from error
