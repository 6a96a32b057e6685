"""The settings of a controller, by LINSTOR's names where it has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Struct

from linstor_core.controller.access_log import MODES
from linstor_core.controller.certificate_office import OfficeChoices
from linstor_core.controller.https import CertificateFiles
from linstor_core.controller.link_files import LinkFiles
from linstor_core.daemons import values
from linstor_core.daemons.option_files import BadSettings
from linstor_core.daemons.options import Key, Option

CONFIG_FILE = Path("/etc/linstor/linstor.conf")


class State(Struct, frozen=True):
    path: Annotated[Path, Option(
        "Folder of the database and the error reports; made where it is missing.", values.path, "absolute path",
        "--state")] = Path("/var/lib/linstor")


class Http(Struct, frozen=True):
    enabled: Annotated[bool, Option(
        "Listen for plain HTTP. With [https] in use, callers are only redirected there.", values.boolean)] = True
    listen_addr: Annotated[str, Option(
        "Where to listen; :: is every address of the machine.", values.host, "name or address", "--listen",
    )] = "127.0.0.1"
    port: Annotated[int, Option("The port there.", values.port, "TCP port, 0 for a free one", "--listen")] = 3370


class Https(Struct, frozen=True):
    enabled: Annotated[bool, Option("Listen for HTTPS, if `certificate` is given.", values.boolean)] = True
    listen_addr: Annotated[str, Option(
        "Where to listen; :: is every address of the machine.", values.host, "name or address")] = "::"
    port: Annotated[int, Option("The port there.", values.port, "TCP port, 0 for a free one")] = 3371
    certificate: Annotated[Path | None, Option(
        "The controller's certificate, and its chain behind it.", values.path, "absolute path of a PEM file", live=True,
        example="/etc/linstor/tls/controller.pem")] = None
    key: Annotated[Path | None, Option(
        "The certificate's key, without a passphrase; if left out, it is in the certificate's file.", values.path,
        "absolute path of a PEM file", live=True, example="/etc/linstor/tls/controller.key")] = None
    trusted_certificates: Annotated[Path | None, Option(
        "Authorities: if given, only clients with a certificate of one of them are served.", values.path,
        "absolute path of a PEM file", live=True, example="/etc/linstor/tls/clients-ca.pem")] = None

    def files(self) -> CertificateFiles | None:
        """None where HTTPS is not wanted."""
        if not self.enabled or self.certificate is None:
            return None
        return CertificateFiles(self.certificate, self.key, self.trusted_certificates)


class Db(Struct, frozen=True):
    connection_url: Annotated[str, Option(
        "The database; if left out, linstor.db in [state] path.", values.sqlite_url, "sqlite:////absolute/path",
        example="sqlite:////var/lib/linstor/linstor.db")] = ""


class Links(Struct, frozen=True):
    certificate: Annotated[Path | None, Option(
        "The certificate that the controller shows to satellites, if the cluster's certificates are not to be made "
        "by the controller itself.", values.path, "absolute path of a PEM file", live=True,
        example="/etc/linstor/tls/links.pem")] = None
    key: Annotated[Path | None, Option(
        "Its key, without a passphrase; if left out, it is in the certificate's file.", values.path,
        "absolute path of a PEM file", live=True, example="/etc/linstor/tls/links.key")] = None
    trusted_certificates: Annotated[Path | None, Option(
        "The authorities that have signed the certificates of satellites.", values.path,
        "absolute path of a PEM file", live=True, example="/etc/linstor/tls/authorities.pem")] = None
    seal_authority: Annotated[bool, Option(
        "Keep the key of the cluster's authority under the master passphrase. Then certificates are made and renewed "
        "only while that is open.", values.boolean)] = False
    certificate_days: Annotated[int, Option(
        "How long certificates of satellites are valid; they are renewed when a third of that is left.", values.days,
        "days, 1 to 3650")] = 90

    def choices(self) -> OfficeChoices:
        """Raises BadSettings."""
        return OfficeChoices(self.files(), self.seal_authority, certificate_days=self.certificate_days)

    def files(self) -> LinkFiles | None:
        """None where the controller makes them. Raises BadSettings."""
        if self.certificate is None:
            return None
        if self.trusted_certificates is None:
            raise BadSettings("[links] certificate is of no use alone.", "No satellite would be believed.",
                              "Name the authorities in [links] trusted_certificates.")
        return LinkFiles(self.certificate, self.trusted_certificates, self.key)


class Logging(Struct, frozen=True):
    level: Annotated[str, Option(
        "How much libraries say.", values.level, "trace, debug, info, warning or error", "--log-level", live=True,
    )] = "INFO"
    linstor_level: Annotated[str, Option(
        "How much the controller itself says.", values.level, "trace, debug, info, warning or error", "--log-level",
        live=True)] = "INFO"
    levels: Annotated[tuple[tuple[str, str], ...], Option(
        "Levels of single loggers.", values.levels, "LOGGER=LEVEL, with commas between them", live=True,
        example="linstor_core.controller.satellite_links=debug")] = ()
    rest_access_log_mode: Annotated[str, Option(
        "Whether every call of the REST API is logged, and how its file is rotated.", values.one_of(*MODES),
        ", ".join(MODES))] = "no_log"
    rest_access_log_path: Annotated[Path, Option(
        "The file for that.", values.path, "absolute path")] = Path("/var/log/linstor-controller/rest-access.log")


class Encrypt(Struct, frozen=True):
    passphrase: Annotated[str, Option(
        "The master passphrase, to open the master key at the start. A file of its own or systemd's credential is "
        "better.", values.text, secret=True)] = ""
    passphrase_file: Annotated[Path | None, Option(
        "A file of mode 0600 with the master passphrase.", values.path, "absolute path", "--master-passphrase-file",
        example="/etc/linstor/master-passphrase")] = None

    def __repr__(self) -> str:
        return f"Encrypt(passphrase_file={self.passphrase_file!r})"


class ControllerSettings(Struct, frozen=True):
    """One field a section."""

    state: State = State()
    http: Http = Http()
    https: Https = Https()
    db: Db = Db()
    links: Links = Links()
    logging: Logging = Logging()
    encrypt: Encrypt = Encrypt()


_KEYSTORES = "Java's keystores can't be read: export certificate and key as PEM, for 'certificate' and 'key'."
ELSEWHERE: dict[Key, str] = {
    ("https", "keystore"): _KEYSTORES,
    ("https", "keystore_password"): _KEYSTORES,
    ("https", "truststore"): "Java's keystores can't be read: name a PEM file in 'trusted_certificates'.",
    ("https", "truststore_password"): "Java's keystores can't be read: name a PEM file in 'trusted_certificates'.",
    ("db", "user"): "The database is SQLite and has no users.",
    ("db", "password"): "The database is SQLite and has no users.",
    ("ldap", "*"): "LDAP is not supported; tokens are (`linstor controller token`).",
    ("webUi", "*"): "No web user interface is served.",
}
"""What LINSTOR's linstor.toml has and this controller does not."""
