"""External files: kept as they came, attached to definitions, told to the nodes that hold resources of those."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from msgspec import structs

from linstor_core.controller import node_files
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change
from linstor_core.controller.diagnostics.redaction import redacted
from linstor_core.controller.operations import external_files as files
from linstor_core.controller.operations import reports
from linstor_core.controller.queries import external_files as views
from linstor_core.domain.errors import Code, Conflict, LinstorError, NotFound
from linstor_core.domain.observed import ExternalFileSeen, Failure
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.testing.builders import Model
from linstor_core.wire.external_files import FilesSeen
from linstor_core.wire.rest_files import ExternalFileBody

PATH = "/etc/drbd-reactor.d/data.toml"


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def kept(content: bytes = b"secret = 1") -> Model:
    model = Model.with_nodes(2)
    model.put(ResourceDefinition("d", "data", "DfltRscGrp"), Resource("r", "data", "n1"))
    model.run(files.put, ExternalFileBody(path=PATH, content=encoded(content)), file=PATH)
    return model


class Asked:
    """The application's Services, with satellites that answer all the same; None when they are away."""

    def __init__(self, model: Model, seen: ExternalFileSeen | None = None) -> None:
        self.controller = model
        self.seen = seen

    async def check_file(self, _: str, path: str) -> ExternalFileSeen | None:
        return self.seen


def status(model: Model, node: str, seen: ExternalFileSeen | None = None) -> Any:
    return asyncio.run(views.status(Asked(model, seen), Call(None, {"file": PATH, "node": node})))


def wanted_on(model: Model) -> list[list[str]]:
    return [list(node_files.wanted(model.cluster, node)) for node in ("N1", "N2")]


def happened(model: Model, change: Change) -> None:
    model.run(lambda *_: change)


def told(model: Model, change: Change) -> Any:
    assert change.outcome is not None and "N1" in change.watch
    return change.outcome(model.cluster)


def answered(model: Model, generation: int, failure: Failure | None = None) -> None:
    file = ExternalFileSeen(PATH, failure is None, True, failure is None, failure)
    model.run(lambda cluster, context, _: reports.files_of("N1", FilesSeen(generation, (file,)))(cluster, context))


@pytest.mark.parametrize("content", [b"", b"\x00\xff\n", "gr\u00fc\u00df".encode(), b"x" * files.MAX_CONTENT_BYTES])
def test_content_comes_back_as_it_went_in(content: bytes) -> None:
    model = kept(content)
    shown: Any = views.show_file(model.cluster, Call(None, {"file": PATH}))
    assert (shown.path, shown.content) == (PATH, encoded(content))


def test_lists_leave_the_content_out_unless_asked() -> None:
    model = kept()
    bare: Any = views.list_files(model.cluster, Call(None))
    full: Any = views.list_files(model.cluster, Call(None, {}, {"content": ["true"]}))
    assert [(file.path, file.content) for file in bare] == [(PATH, None)]
    assert [file.content for file in full] == [encoded(b"secret = 1")]


def test_a_file_keeps_its_identity_when_its_content_changes() -> None:
    model = kept()
    before = model.cluster.external_files[PATH]
    answers = model.run(files.put, ExternalFileBody(content=encoded(b"2")), file=PATH).answers
    assert [entry.code for entry in answers] == [3]
    assert model.cluster.external_files[PATH].uuid == before.uuid
    assert model.cluster.external_files[PATH].content == b"2"


@pytest.mark.parametrize("path", ["etc/x", "/", "/etc/", "/etc//x", "/etc/../x", "/./x", "/a\nb", "/" + "x" * 400, ""])
def test_what_is_no_path_of_a_file(path: str) -> None:
    model = Model()
    with pytest.raises(LinstorError) as refusal:
        model.run(files.put, ExternalFileBody(content=""), file=path)
    assert refusal.value.code == Code.INVLD_EXT_FILE_NAME
    assert not model.cluster.external_files


@pytest.mark.parametrize(("body", "code"), [
    (ExternalFileBody(path="/etc/other", content=""), Code.INVLD_EXT_FILE_NAME),
    (ExternalFileBody(content="no base64!"), Code.INVLD_EXT_FILE),
    (ExternalFileBody(content="\u00e4"), Code.INVLD_EXT_FILE),
    (ExternalFileBody(content=encoded(b"x" * (files.MAX_CONTENT_BYTES + 1))), Code.INVLD_EXT_FILE),
])
def test_what_is_no_file(body: ExternalFileBody, code: Code) -> None:
    model = Model()
    with pytest.raises(LinstorError) as refusal:
        model.run(files.put, body, file=PATH)
    assert refusal.value.code == code
    assert not model.cluster.external_files


def test_a_file_is_attached_and_detached() -> None:
    model = kept()
    assert [entry.code for entry in model.run(files.attach, resource="data", file=PATH).answers] == [3]
    assert model.cluster.resource_definitions["DATA"].props == {f"files{PATH}": "True"}
    assert wanted_on(model) == [[PATH], []]
    seen = ExternalFileSeen(PATH, True, True, True)
    assert [status(model, node, seen).wanted for node in ("n1", "n2")] == [True, False]
    model.run(files.detach, resource="data", file=PATH)
    assert model.cluster.resource_definitions["DATA"].props == {}
    assert [entry.code for entry in model.run(files.detach, resource="data", file=PATH).answers] == [3000]


def test_a_deleted_file_is_detached_everywhere() -> None:
    model = kept()
    model.run(files.attach, resource="data", file=PATH)
    model.run(files.delete, file=PATH)
    assert not model.cluster.external_files
    assert model.cluster.resource_definitions["DATA"].props == {}
    assert [entry.code for entry in model.run(files.delete, file=PATH).answers] == [3000]


def test_what_is_not_there_is_named() -> None:
    model = kept()
    for path in ({"resource": "none", "file": PATH}, {"resource": "data", "file": "/etc/none"}):
        with pytest.raises(NotFound):
            model.run(files.attach, **path)
    with pytest.raises(NotFound):
        views.show_file(model.cluster, Call(None, {"file": "/etc/none"}))
    with pytest.raises(NotFound):
        status(model, "none")


def test_what_a_file_holds_stays_out_of_support_cases() -> None:
    file = kept().cluster.external_files[PATH]
    assert redacted("external_file", file) == {"uuid": file.uuid, "path": PATH, "content": "(removed)"}


def test_the_caller_waits_for_the_nodes_and_hears_of_failures() -> None:
    model = kept()
    seen = model.cluster.nodes_seen["N1"]
    model.put(structs.replace(seen, files_generation=0))
    change = model.run(files.attach, resource="data", file=PATH)
    assert told(model, change) is None
    generation = node_files.generation(model.cluster, "N1")
    answered(model, generation - 1)
    assert told(model, change) is None
    answered(model, generation)
    assert told(model, change) == ()
    answered(model, generation, Failure("Not allowed", "No folder", "Allow it"))
    (entry,) = told(model, change)
    assert (entry.code, entry.obj_refs["Node"], entry.correction) == (3001, "n1", "Allow it")


def test_nodes_that_cannot_write_are_named() -> None:
    model = kept()
    change = model.run(files.attach, resource="data", file=PATH)
    assert [entry.code for entry in told(model, change)] == [3001]
    model.away("n1")
    assert [entry.code for entry in told(model, change)] == [1002]


def test_only_nodes_whose_files_changed_are_told() -> None:
    model = kept()
    model.run(files.attach, resource="data", file=PATH)
    first = node_files.generation(model.cluster, "N1")
    assert first and not node_files.generation(model.cluster, "N2")
    happened(model, Change((Resource("r2", "data", "n2"),)))
    assert wanted_on(model) == [[PATH], [PATH]] and node_files.generation(model.cluster, "N2") > first
    happened(model, Change((ResourceDefinition("d2", "more", "DfltRscGrp", props={f"files{PATH}": "True"}),
                            Resource("r3", "more", "n1"))))
    assert node_files.generation(model.cluster, "N1") == first, "it has the file already"
    happened(model, Change(deletes=((Resource, ("DATA", "N1")),)))
    assert node_files.generation(model.cluster, "N1") == first, "another resource needs it"
    model.run(files.put, ExternalFileBody(path=PATH, content=encoded(b"2")), file=PATH)
    assert node_files.generation(model.cluster, "N1") > first
    assert node_files.message(model.cluster, "N1").files[0].content == b"2"
    happened(model, Change(deletes=((Resource, ("MORE", "N1")),)))
    assert wanted_on(model) == [[], [PATH]]


def test_who_cannot_be_asked_is_not_guessed() -> None:
    model = kept()
    with pytest.raises(Conflict):
        status(model, "n1")
    with pytest.raises(Conflict):
        asyncio.run(views.check(Asked(model), Call(None, {"file": "/etc/none", "node": "n1"})))
    refused = ExternalFileSeen(PATH, False, True, False, Failure("Not allowed", "No folder", "Allow it"))
    shown = status(model, "n1", refused)
    assert (shown.allowed, shown.deployed, shown.message) == (False, False, "Not allowed. No folder Allow it")


def test_all_files_together_have_a_limit() -> None:
    model = Model()
    body = ExternalFileBody(content=encoded(b"x" * files.MAX_CONTENT_BYTES))
    for number in range(32):
        model.run(files.put, body, file=f"/etc/{number}")
    with pytest.raises(LinstorError) as refusal:
        model.run(files.put, body, file="/etc/more")
    assert refusal.value.code == Code.INVLD_EXT_FILE
    model.run(files.put, body, file="/etc/1")
