"""External files: kept as they came, attached to definitions, honest about not being written anywhere."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from linstor_core.controller.call import Call
from linstor_core.controller.diagnostics.redaction import redacted
from linstor_core.controller.operations import external_files as files
from linstor_core.controller.queries import external_files as views
from linstor_core.domain.errors import Code, LinstorError, NotFound
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_files import ExternalFileBody

PATH = "/etc/drbd-reactor.d/data.toml"


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def kept(content: bytes = b"secret = 1") -> Model:
    model = Model.with_nodes(2)
    model.put(ResourceDefinition("d", "data", "DfltRscGrp"), Resource("r", "data", "n1"))
    model.run(files.put, ExternalFileBody(path=PATH, content=encoded(content)), file=PATH)
    return model


def status(model: Model, node: str) -> Any:
    return views.status(model.cluster, Call(None, {"file": PATH, "node": node}))


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
    assert [entry.code for entry in model.run(files.attach, resource="data", file=PATH).answers] == [3, 3001]
    assert model.cluster.resource_definitions["DATA"].props == {f"files{PATH}": "True"}
    assert [status(model, node).wanted for node in ("n1", "n2")] == [True, False]
    assert not status(model, "n1").deployed and "no external files" in status(model, "n1").message
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
