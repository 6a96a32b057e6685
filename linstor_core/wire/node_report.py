"""The messages between controller and satellite: msgpack frames, each a tagged Struct."""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from linstor_core.domain.observed import OrphanSeen, PoolSeen, ResourceSeen
from linstor_core.wire.content_transfer import ContentRequest
from linstor_core.wire.devices import ListDevices, ListedDevices, PreparedDevices, PrepareDevices
from linstor_core.wire.external_files import ApplyFiles, CheckedFile, CheckFile, FilesSeen
from linstor_core.wire.resource_spec import PoolSpec, ResourceSpec

PROTOCOL_VERSION = 6
OLDEST_PROTOCOL_VERSION = 1
LOG_LEVELS_SINCE = 2
"""The first protocol with SetLogLevels."""
FILES_SINCE = 3
"""The first protocol with external files."""
CONTENT_SINCE = 4
"""The first protocol with the transfer of content from satellite to satellite."""
CERTIFICATES_SINCE = 5
"""The first protocol with InstallCertificate."""
DEVICES_SINCE = 6
"""The first protocol with questions about unused devices."""
MAX_FRAME_BYTES = 64 * 1024 * 1024


class Hello(Struct, frozen=True, tag="hello"):
    """First frame, from the controller: who it is and whom it takes the satellite for."""

    cluster_id: str
    controller_id: str
    epoch: int
    node_name: str
    node_uuid: str
    newest_protocol: int = PROTOCOL_VERSION
    oldest_protocol: int = OLDEST_PROTOCOL_VERSION


class HelloAnswer(Struct, frozen=True, tag="hello_answer"):
    """The satellite's side. `refusal` is empty or the name of a ConnectionStatus that says why it will not serve."""

    protocol: int
    host_name: str
    version: str
    providers: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    unsupported_providers: dict[str, list[str]] = field(default_factory=dict)
    unsupported_layers: dict[str, list[str]] = field(default_factory=dict)
    platform: str = ""
    os_variant: str = ""
    log_levels: dict[str, str] = field(default_factory=dict)
    """By the logger's name."""
    refusal: str = ""
    message: str = ""
    transfers_content: bool = False
    """Whether it gives content to other satellites and fetches it from them."""


class FullSync(Struct, frozen=True, tag="full_sync"):
    """Everything this node has to hold; what it knows beyond that is an orphan."""

    generation: int
    pools: tuple[PoolSpec, ...]
    resources: tuple[ResourceSpec, ...]


class ApplyPools(Struct, frozen=True, tag="apply_pools"):
    """All pools of the node, whole, after one of them changed."""

    generation: int
    pools: tuple[PoolSpec, ...]


class ApplyResource(Struct, frozen=True, tag="apply_resource"):
    """A changed spec."""

    spec: ResourceSpec


class ForgetResource(Struct, frozen=True, tag="forget_resource"):
    """Nothing of this definition is left on the node: drop the stored spec (touches no data)."""

    resource_name: str
    generation: int


class PlanResource(Struct, frozen=True, tag="plan_resource"):
    """What would you do for this spec? Nothing is done, and nothing is remembered."""

    number: int
    spec: ResourceSpec


class PlannedSteps(Struct, frozen=True, tag="planned_steps"):
    """The answer to the PlanResource of that number: steps in words, and what stands against it."""

    number: int
    steps: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()


class SetLogLevels(Struct, frozen=True, tag="set_log_levels"):
    """Log from these levels on until the next start, by the logger's name; the levels have LINSTOR's names."""

    number: int
    levels: dict[str, str]


class LogLevels(Struct, frozen=True, tag="log_levels"):
    """The answer to the SetLogLevels of that number: the levels in force."""

    number: int
    levels: dict[str, str]


class InstallCertificate(Struct, frozen=True, tag="install_certificate"):
    """Show this certificate from the next connection on, and believe these authorities; both are PEM.

    The certificate is made for the key that the satellite has.
    """

    number: int
    certificate: str
    authorities: str


class CertificateInstalled(Struct, frozen=True, tag="certificate_installed"):
    """The answer to the InstallCertificate of that number; `failure` says why it was not taken."""

    number: int
    failure: str = ""


class Report(Struct, frozen=True, tag="report"):
    """What the satellite sees, sent after it worked and when something changed by itself.

    `synced` is the generation of the FullSync that this report completes, 0 otherwise.
    """

    pools: tuple[PoolSeen, ...] = ()
    resources: tuple[ResourceSeen, ...] = ()
    orphans: tuple[str, ...] | None = None
    """Their paths, for controllers that know no more."""
    orphan_files: tuple[OrphanSeen, ...] | None = None
    """The same, with what is known of them; None from satellites that tell paths only."""
    synced: int = 0


ToSatellite = (Hello | FullSync | ApplyPools | ApplyResource | ForgetResource | PlanResource | SetLogLevels | ApplyFiles
               | CheckFile | InstallCertificate | ListDevices | PrepareDevices)
Answer = PlannedSteps | LogLevels | CheckedFile | CertificateInstalled | ListedDevices | PreparedDevices
"""To the question of the same number."""
ToController = HelloAnswer | Report | Answer | FilesSeen

_encoder = msgspec.msgpack.Encoder()
_first: msgspec.msgpack.Decoder[Hello | ContentRequest] = msgspec.msgpack.Decoder(Hello | ContentRequest)
_to_satellite: msgspec.msgpack.Decoder[ToSatellite] = msgspec.msgpack.Decoder(ToSatellite)
_to_controller: msgspec.msgpack.Decoder[ToController] = msgspec.msgpack.Decoder(ToController)


def encode(message: ToSatellite | ToController) -> bytes:
    return _encoder.encode(message)


def decode_first(frame: bytes) -> Hello | ContentRequest:
    """What a connection to a satellite begins with. Raises msgspec.DecodeError for anything else."""
    return _first.decode(frame)


def decode_for_satellite(frame: bytes) -> ToSatellite:
    """Raises msgspec.DecodeError for a frame that is no message."""
    return _to_satellite.decode(frame)


def decode_for_controller(frame: bytes) -> ToController:
    """Raises msgspec.DecodeError for a frame that is no message."""
    return _to_controller.decode(frame)
