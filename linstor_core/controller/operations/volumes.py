"""Properties of single volumes."""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, NotFound
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.wire.api_call_rc import MODIFIED, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import PropsModify

ONE = "/v1/resource-definitions/<resource>/resources/<node>/volumes/<number>"


def modify(cluster: Cluster, _: Context, call: Call[PropsModify]) -> Change:
    name, node_name, number = call.path["resource"], call.path["node"], lookups.volume_number(call.path["number"])
    refs = {"RscDfn": name, "VlmNr": str(number), "Node": node_name}
    with lookups.about(**refs):
        lookups.node(cluster, node_name)
        lookups.definition(cluster, name)
        resource = lookups.resource(cluster, name, node_name)
        volume = resource.volume(number)
        if volume is None:
            raise NotFound(f"'{name}' has no volume {number} on node '{node_name}'.", Code.NOT_FOUND_VLM,
                           details="Its volumes: " + ", ".join(str(each.number) for each in resource.volumes))
        props, told = properties.changed(ObjectKind.VOLUME, Subject.VLM, volume.props, call.body, refs)
    volumes = tuple(structs.replace(each, props=props) if each is volume else each for each in resource.volumes)
    done = call.rc(Severity.SUCCESS, MODIFIED, f"Volume {number} of '{name}' on node '{node_name}' modified.",
                   details=f"UUID: {volume.uuid}", refs={"UUID": volume.uuid, **refs})
    return Change(puts=(structs.replace(resource, volumes=volumes),), answers=(*told, done))


ROUTES = (
    Route("PUT", ONE, "Modify the properties of a volume", write=modify, body=PropsModify,
          mask=Operation.MODIFY | Subject.VLM),
)
