"""Secrets come from files that nobody else can read."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from linstor_core.client.transport import Credentials
from linstor_proxmox.refusals import Refused

_FIELDS = ("token", "user", "password", "ca_file", "certificate_file", "key_file")


def read(file: Path) -> dict[str, str]:
    """The object of texts in a JSON file. Raises Refused where others can read it, OSError where it is not there."""
    with file.open("rb") as stream:
        found = os.fstat(stream.fileno())
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise Refused(f"{file} can be read by others: chmod 600 {file}")
        if found.st_uid not in (0, os.geteuid()):
            raise Refused(f"{file} belongs to the user {found.st_uid}: chown root {file}")
        content = stream.read()
    try:
        decoded = json.loads(content)
    except ValueError as error:
        raise Refused(f"{file} holds no JSON: {error}") from None
    if not isinstance(decoded, dict) or not all(isinstance(value, str) for value in decoded.values()):
        raise Refused(f"{file} has to hold one JSON object whose values are texts")
    return decoded


def credentials(file: Path, default_token: str) -> Credentials:
    """Who calls the controllers. Without the file: the token that the node has of LINSTOR itself, if any."""
    try:
        found = read(file)
    except FileNotFoundError:
        return Credentials(token=default_token)
    unknown = sorted(set(found) - set(_FIELDS))
    if unknown:
        raise Refused(f"{file}: unknown {', '.join(unknown)}; it may hold {', '.join(_FIELDS)}")
    return _credentials(found)


def _credentials(found: Mapping[str, str]) -> Credentials:
    return Credentials(found.get("token", ""), found.get("user", ""), found.get("password", ""),
                       found.get("ca_file", ""), found.get("certificate_file", ""), found.get("key_file", ""))
