"""The settings of a satellite, by LINSTOR's names where it has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Struct

from linstor_core.daemons import values
from linstor_core.daemons.options import Key, Option
from linstor_core.satellite.device_links import DEFAULT_FOLDER

CONFIG_FILE = Path("/etc/linstor/linstor_satellite.conf")
DEFAULT_STATE = Path("/var/lib/linstor-satellite")
DEFAULT_PORT = 3366


class State(Struct, frozen=True):
    path: Annotated[Path, Option(
        "Folder in which the satellite keeps what it knows; made where it is missing.", values.path, "absolute path",
        "--state")] = DEFAULT_STATE


class Stlt(Struct, frozen=True):
    overrideNodeName: Annotated[str, Option(
        "The node's name, if it is not the host's.", values.text, "name of a node", "--name", example="node1")] = ""


class Netcom(Struct, frozen=True):
    type: Annotated[str, Option("How the controller is spoken to.", values.one_of("plain"), "plain")] = "plain"
    bind_address: Annotated[str, Option(
        "Where the controller dials; :: is every address of the machine.", values.host, "name or address",
        "--listen")] = "0.0.0.0"
    port: Annotated[int, Option("The port there.", values.port, "TCP port, 0 for a free one", "--listen")] = \
        DEFAULT_PORT


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


class SatelliteOptions(Struct, frozen=True):
    """One field a section."""

    state: State = State()
    stlt: Stlt = Stlt()
    netcom: Netcom = Netcom()
    logging: Logging = Logging()
    files: Files = Files()

    def device_links(self) -> str:
        if self.files.device_links is not None:
            return self.files.device_links
        return DEFAULT_FOLDER if self.state.path == DEFAULT_STATE else str(self.state.path.absolute() / "by-res")


_KEYSTORES = "Java's keystores can't be read."
ELSEWHERE: dict[Key, str] = {
    ("netcom", name): _KEYSTORES for name in ("key_password", "keystore_password", "truststore_password")}
"""What LINSTOR's linstor_satellite.toml has and this satellite does not."""
