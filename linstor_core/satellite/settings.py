"""The settings of a satellite, by LINSTOR's names where it has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Struct

from linstor_core.daemons import values
from linstor_core.daemons.option_files import BadSettings
from linstor_core.daemons.options import Key, Option
from linstor_core.satellite.credentials import TlsFiles
from linstor_core.satellite.device_links import DEFAULT_FOLDER

CONFIG_FILE = Path("/etc/linstor/linstor_satellite.conf")
DEFAULT_STATE = Path("/var/lib/linstor-satellite")
DEFAULT_PORT = 3366
DEFAULT_TLS_PORT = 3367
ENCRYPTIONS = ("auto", "plain", "ssl", "both")


class State(Struct, frozen=True):
    path: Annotated[Path, Option(
        "Folder in which the satellite keeps what it knows; made where it is missing.", values.path, "absolute path",
        "--state")] = DEFAULT_STATE


class Stlt(Struct, frozen=True):
    overrideNodeName: Annotated[str, Option(
        "The node's name, if it is not the host's.", values.text, "name of a node", "--name", example="node1")] = ""


class Netcom(Struct, frozen=True):
    type: Annotated[str, Option(
        "How the controller is spoken to: without encryption, by TLS, or as it likes. With auto by TLS if there is a "
        "certificate, else without.", values.one_of(*ENCRYPTIONS), "auto, plain, ssl or both",
        "--type")] = "auto"
    bind_address: Annotated[str, Option(
        "Where the controller dials; :: is every address of the machine.", values.host, "name or address",
        "--listen")] = "0.0.0.0"
    port: Annotated[int, Option("The port there, without encryption.", values.port, "TCP port, 0 for a free one",
                                "--listen")] = DEFAULT_PORT
    ssl_port: Annotated[int | None, Option(
        f"The port there by TLS. If left out, it is the one that was told when joining, else {DEFAULT_TLS_PORT}.",
        values.port, "TCP port, 0 for a free one", "--ssl-port", example=str(DEFAULT_TLS_PORT))] = None
    server_certificate: Annotated[Path | None, Option(
        "The satellite's certificate, and its chain behind it, if it is not one that the cluster has given.",
        values.path, "absolute path of a PEM file", example="/etc/linstor/tls/satellite.pem")] = None
    server_key: Annotated[Path | None, Option(
        "Its key, without a passphrase; if left out, it is in the certificate's file.", values.path,
        "absolute path of a PEM file", example="/etc/linstor/tls/satellite.key")] = None
    trusted_certificates: Annotated[Path | None, Option(
        "The authorities that have signed the certificates of controllers.", values.path,
        "absolute path of a PEM file", example="/etc/linstor/tls/authorities.pem")] = None

    def tls(self) -> TlsFiles | None:
        """None where the cluster's certificate is to be used. Raises BadSettings."""
        if self.server_certificate is None:
            return None
        if self.trusted_certificates is None:
            raise BadSettings("[netcom] server_certificate is of no use alone.",
                              "Nobody would be believed to be a controller.",
                              "Name the authorities in [netcom] trusted_certificates.")
        return TlsFiles(self.server_certificate, self.trusted_certificates, self.server_key)


class Logging(Struct, frozen=True):
    level: Annotated[str, Option(
        "How much libraries say.", values.level, "trace, debug, info, warning or error", "--verbose", live=True,
    )] = "WARN"
    linstor_level: Annotated[str, Option(
        "How much the satellite itself says.", values.level, "trace, debug, info, warning or error", "--verbose",
        live=True)] = "WARN"
    levels: Annotated[tuple[tuple[str, str], ...], Option(
        "Levels of single loggers.", values.levels, "LOGGER=LEVEL, with commas between them", live=True,
        example="linstor_core.satellite.executor=debug")] = ()


class Files(Struct, frozen=True):
    allowExtFiles: Annotated[tuple[str, ...], Option(
        "Folders below which the controller may write external files.", values.folders,
        "absolute paths, with commas between them", "--allow-external-files", live=True,
        example="/etc/drbd-reactor.d")] = ()
    device_links: Annotated[str | None, Option(
        "Where volumes' devices get names that stay; empty for none. If left out, it is "
        f"{DEFAULT_FOLDER}, or by-res in [state] path where that is another.", values.folder_or_none, "absolute path",
        "--device-links", example=DEFAULT_FOLDER)] = None


class Transfers(Struct, frozen=True):
    parallel: Annotated[int, Option(
        "How many volumes are given to other nodes, and how many fetched from them, at the same time.",
        values.whole_number(1, 64), "whole number from 1 to 64")] = 4
    limit_kib_s: Annotated[int, Option(
        "How much all of them together may take in each direction.", values.whole_number(0, 2**31),
        "KiB a second, 0 for no limit", example="102400")] = 0


class SatelliteOptions(Struct, frozen=True):
    """One field a section."""

    state: State = State()
    stlt: Stlt = Stlt()
    netcom: Netcom = Netcom()
    logging: Logging = Logging()
    files: Files = Files()
    transfers: Transfers = Transfers()

    def device_links(self) -> str:
        if self.files.device_links is not None:
            return self.files.device_links
        return DEFAULT_FOLDER if self.state.path == DEFAULT_STATE else str(self.state.path.absolute() / "by-res")


_KEYSTORES = "Java's keystores can't be read: export certificate and key as PEM, for 'server_certificate'."
ELSEWHERE: dict[Key, str] = {
    ("netcom", name): _KEYSTORES for name in ("key_password", "keystore_password", "truststore_password")}
"""What LINSTOR's linstor_satellite.toml has and this satellite does not."""
