"""Devices that nothing uses yet: satellites are asked about them, and asked to make pools of them."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Door
from linstor_core.controller.operations import storage_pools
from linstor_core.controller.route import Route
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, LinstorError
from linstor_core.domain.nodes import Node
from linstor_core.domain.props import POOL_DIRECTORY
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.wire.api_call_rc import CREATED, ApiCallRc, Operation, Severity, Subject, entry
from linstor_core.wire.devices import ListedDevices, PreparedDevices, PrepareDevices, UnusedDevice
from linstor_core.wire.rest_bodies import StoragePoolCreate
from linstor_core.wire.rest_on_nodes import NewStoragePool, PhysicalStorageCreate
from linstor_core.wire.rest_v1 import PhysicalDevice, PhysicalStorage

_CREATE = Operation.CREATE | Subject.PHYSICAL_DEVICE
_FILES = (ProviderKind.FILE, ProviderKind.FILE_THIN)



class NodeDevices(Protocol):
    """The satellites, by the node's key; None where one can't be asked or does not answer in time."""

    async def list_devices(self, node_key: str) -> ListedDevices | None: ...

    async def prepare_devices(self, node_key: str, wanted: PrepareDevices) -> PreparedDevices | None:
        """The question's number is given by who sends it."""


class NoDevices:
    """For a controller without satellites."""

    async def list_devices(self, _: str) -> ListedDevices | None:
        return None

    async def prepare_devices(self, _: str, __: PrepareDevices) -> PreparedDevices | None:
        return None


class Services(Protocol):
    """What these calls need of the application's Services."""

    @property
    def controller(self) -> Door: ...

    @property
    def devices(self) -> NodeDevices: ...


async def list_all(services: Services, _: Call[Any]) -> object:
    """Of every node whose satellite answers, grouped by size and kind."""
    nodes = [node for _, node in sorted(services.controller.cluster.nodes.items()) if node.type.runs_satellite]
    answers = await asyncio.gather(*(services.devices.list_devices(key_of(node.name)) for node in nodes))
    groups: dict[tuple[int, bool], dict[str, tuple[PhysicalDevice, ...]]] = {}
    for node, answer in zip(nodes, answers, strict=True):
        for device in answer.devices if answer is not None else ():
            group = groups.setdefault((device.size_bytes, device.rotational), {})
            group[node.name] = (*group.get(node.name, ()), PhysicalDevice(
                device=device.path, model=device.model, serial=device.serial, wwn=device.wwn))
    return [PhysicalStorage(size=size, rotational=rotational, nodes=nodes)
            for (size, rotational), nodes in sorted(groups.items(), reverse=True)]


async def list_of_node(services: Services, call: Call[Any]) -> object:
    node = lookups.node(services.controller.cluster, call.path["node"], bare=True)
    if not node.type.runs_satellite:
        return []
    answer = await services.devices.list_devices(key_of(node.name))
    if answer is None:
        raise _not_connected(node)
    if answer.failure is not None:
        failure = answer.failure
        raise Conflict(f"The devices of '{node.name}' can't be listed: {failure.message}.", failure.code or
                       Code.UNKNOWN_ERROR, cause=failure.cause, correction=failure.correction, bare=True)
    return [_shown(device) for device in answer.devices]


def _shown(device: UnusedDevice) -> PhysicalDevice:
    return PhysicalDevice(device=device.path, size=device.size_bytes, rotational=device.rotational, model=device.model,
                          serial=device.serial, wwn=device.wwn)


def _not_connected(node: Node) -> Conflict:
    return Conflict(f"The satellite of '{node.name}' can't be asked about its devices.", Code.NOT_CONNECTED,
                    cause="It is not connected, of a release without that, or does not answer in time.",
                    correction="Repeat the call when it is there; what was begun is gone on with.",
                    refs={"Node": node.name})


async def prepare(services: Services, call: Call[PhysicalStorageCreate]) -> object:
    """What is wrong in itself is told first, and before any device is touched."""
    body = call.body
    with lookups.about(Node=call.path["node"]):
        cluster = services.controller.cluster
        node = lookups.node(cluster, call.path["node"])
        wanted = _wanted(cluster, node, body)
        pool = body.with_storage_pool
        if pool is not None:
            _check_pool(cluster, node, wanted, pool)
        answer = await services.devices.prepare_devices(key_of(node.name), wanted)
        if answer is None:
            raise _not_connected(node)
    entries = [call.rc(Severity.INFO, 0, f"On '{node.name}': {done}.", refs={"Node": node.name})
               for done in answer.done]
    if answer.failure is not None:
        failure = answer.failure
        return [*entries, entry(Severity.ERROR, failure.code or Code.UNKNOWN_ERROR, _CREATE,
                                f"No pool was made on '{node.name}': {failure.message}.", cause=failure.cause,
                                details=failure.details, correction=failure.correction, obj_refs={"Node": node.name})]
    entries.append(call.rc(Severity.SUCCESS, CREATED, f"On '{node.name}' there is '{answer.location}' now, of "
                           f"{', '.join(wanted.devices)}.", refs={"Node": node.name}))
    if pool is not None:
        entries += await _register(services, node, wanted, pool, answer.location)
    return entries


def _wanted(cluster: Cluster, node: Node, body: PhysicalStorageCreate) -> PrepareDevices:
    """Raises InvalidInput, Conflict for what satellites don't do."""
    if body.provider_kind.upper() not in set(map(str, ProviderKind)):
        raise InvalidInput(f"'{body.provider_kind}' is no kind of storage.", Code.INVLD_PROVIDER,
                           correction="One of " + ", ".join(ProviderKind) + ".")
    kind = ProviderKind(body.provider_kind.upper())
    if not body.device_paths:
        raise InvalidInput("No devices are named.", Code.INVLD_REQUEST, correction="Give device_paths.")
    wrong = [path for path in body.device_paths if not path.startswith("/dev/") or ".." in path.split("/")]
    if wrong:
        raise InvalidInput(f"'{wrong[0]}' is no path of a device.", Code.INVLD_REQUEST,
                           correction="Give whole paths, as /dev/sdb.")
    if body.raid_level not in (None, "", "JBOD"):
        raise Conflict(f"The RAID level '{body.raid_level}' is not offered.", Code.INVLD_REQUEST,
                       correction="Leave it out: devices are put side by side (JBOD).")
    if body.vdo_enable:
        raise Conflict("VDO is not offered.", Code.PROVIDER_UNSUPPORTED,
                       cause="Satellites of this release do not set it up.", correction="Leave it out.")
    if body.sed:
        raise Conflict("Self-encrypting drives are not set up.", Code.PROVIDER_UNSUPPORTED,
                       cause="Satellites of this release do not manage their passwords.", correction="Leave it out.")
    arguments = {tool: given for tool, given in (
        ("pvcreate", body.pv_create_arguments), ("vgcreate", body.vg_create_arguments),
        ("lvcreate", body.lv_create_arguments), ("zpool", body.zpool_create_arguments)) if given}
    name = body.pool_name or _default_name(kind, body.device_paths[0])
    return PrepareDevices(0, kind, name, body.device_paths, f"{cluster.controller.cluster_id}/{key_of(node.name)}",
                          arguments)


def _default_name(kind: ProviderKind, device: str) -> str:
    """After the first device; volume groups of thin pools get their prefix from the satellite."""
    last = device.rstrip("/").rpartition("/")[2]
    return last if kind is ProviderKind.LVM_THIN else f"linstor_{last}"


def _check_pool(cluster: Cluster, node: Node, wanted: PrepareDevices, pool: NewStoragePool) -> None:
    """Whether the pool could be registered afterwards. One that this very call has registered before is none of ours
    to refuse: where it is, is looked at in the end."""
    name = names.storage_pool_name(pool.name)
    there = cluster.pool(node.name, name)
    if there is not None and there.provider_kind is not wanted.kind:
        raise AlreadyExists(f"There is a storage pool '{name}' on '{node.name}' already.", Code.EXISTS_STOR_POOL,
                            correction="Use another name.")


async def _register(services: Services, node: Node, wanted: PrepareDevices, pool: NewStoragePool,
                    location: str) -> list[ApiCallRc]:
    refs = {"Node": node.name, "StorPoolDfn": pool.name}
    there = services.controller.cluster.pool(node.name, pool.name)
    if there is not None and there.props.get(POOL_DIRECTORY) == location:
        return [entry(Severity.INFO, 0, Operation.CREATE | Subject.STOR_POOL,
                      f"The storage pool '{pool.name}' on '{node.name}' is registered already.", obj_refs=refs)]
    body = StoragePoolCreate(storage_pool_name=pool.name, provider_kind=wanted.kind,
                             props={**pool.props, POOL_DIRECTORY: location},
                             shared_space=pool.shared_space or "", external_locking=pool.external_locking)
    call = Call(body, {"node": node.name}, {}, Operation.CREATE | Subject.STOR_POOL)
    try:
        return list(await services.controller.apply(
            lambda cluster, context: storage_pools.create(cluster, context, call)))
    except LinstorError as refusal:
        return [entry(Severity.WARN if refusal.code == Code.PROVIDER_UNSUPPORTED else Severity.ERROR, refusal.code,
                      call.mask, f"'{location}' is there, but it can't be registered as a storage pool yet: "
                      f"{refusal.message}", cause=refusal.cause, details=refusal.details,
                      correction="Register it with 'linstor storage-pool create' once the satellite can serve the kind "
                                 f"{wanted.kind}." if refusal.code == Code.PROVIDER_UNSUPPORTED else
                                 refusal.correction, obj_refs=refs)]


_PATH = "/v1/physical-storage"
ROUTES = (
    Route("GET", _PATH, "Devices that nothing uses, by size and kind", service=list_all, answer=list[PhysicalStorage]),
    Route("GET", f"{_PATH}/<node>", "Devices of a node that nothing uses", service=list_of_node,
          answer=list[PhysicalDevice]),
    Route("POST", f"{_PATH}/<node>", "Make a pool of devices that nothing uses", service=prepare,
          body=PhysicalStorageCreate, mask=_CREATE, success=201),
)
