"""Where CloudStack and the LINSTOR controllers are, and the keys for both: one file that nobody else can read."""

from __future__ import annotations

import configparser
import os
import stat
from pathlib import Path

from msgspec import Struct

from linstor_cloudstack.errors import Refused
from linstor_core.client.transport import Credentials

DEFAULT_FILE = Path("/etc/linstor-cloudstack.conf")
_CLOUDSTACK = {"endpoint", "key", "secret", "ca_file", "timeout_s", "poll_s"}
_LINSTOR = {"controllers", "token", "user", "password", "ca_file", "certificate_file", "key_file"}


class Settings(Struct, frozen=True):
    """`controllers` as in LS_CONTROLLERS. The keys are never shown."""

    endpoint: str
    key: str
    secret: str
    ca_file: str = ""
    timeout_s: int = 60
    poll_s: float = 2.0
    controllers: str = ""
    credentials: Credentials = Credentials()

    def __repr__(self) -> str:
        return f"Settings(endpoint={self.endpoint!r}, controllers={self.controllers!r})"


def read(file: Path) -> Settings:
    """Raises Refused for a file that is missing, that others can read, or that does not hold what is needed."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(_guarded(file))
    except (configparser.Error, UnicodeDecodeError) as error:
        # Not the error itself: it quotes lines, and one of them may be the secret.
        raise Refused(f"{file} can't be understood ({type(error).__name__}): it needs a section [cloudstack] with "
                      "lines like 'endpoint = https://host/client/api'") from None
    cloudstack, linstor = _section(parser, file, "cloudstack", _CLOUDSTACK), _section(parser, file, "linstor", _LINSTOR)
    missing = [name for name in ("endpoint", "key", "secret") if not cloudstack.get(name)]
    if missing:
        raise Refused(f"{file}: [cloudstack] lacks {', '.join(missing)}")
    credentials = {name: linstor[name] for name in _LINSTOR - {"controllers"} if name in linstor}
    return Settings(cloudstack["endpoint"], cloudstack["key"], cloudstack["secret"], cloudstack.get("ca_file", ""),
                    int(_number(file, cloudstack, "timeout_s", 60)), _number(file, cloudstack, "poll_s", 2.0),
                    linstor.get("controllers", ""), Credentials(**credentials))


def _guarded(file: Path) -> str:
    try:
        # What is checked is the very file that is read.
        with file.open("rb") as stream:
            found = os.fstat(stream.fileno())
            if stat.S_IMODE(found.st_mode) & 0o077:
                raise Refused(f"{file} holds keys and others can read it: chmod 600 {file}")
            if found.st_uid not in (0, os.geteuid()):
                raise Refused(f"{file} belongs to the user {found.st_uid}: chown it to root or to yourself")
            return stream.read().decode()
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}. It has to hold the address and keys of CloudStack") from None


def _section(parser: configparser.ConfigParser, file: Path, name: str, known: set[str]) -> dict[str, str]:
    found = dict(parser[name]) if parser.has_section(name) else {}
    unknown = sorted(set(found) - known)
    if unknown:
        raise Refused(f"{file}: [{name}] has unknown {', '.join(unknown)}; it may have {', '.join(sorted(known))}")
    return found


def _number(file: Path, values: dict[str, str], name: str, default: float) -> float:
    try:
        number = float(values.get(name, default))
    except ValueError:
        number = 0
    if not 0 < number < 86400:
        raise Refused(f"{file}: {name} has to be a number of seconds")
    return number
