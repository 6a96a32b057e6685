"""The table of properties, and the entries that tell of changes."""

from __future__ import annotations

import re

import pytest

from linstor_core.controller import properties
from linstor_core.controller.operations import controller_props
from linstor_core.controller.queries import property_info
from linstor_core.domain.errors import InvalidInput
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.testing.builders import Model
from linstor_core.wire.api_call_rc import Operation, Subject, ret_code
from linstor_core.wire.rest_bodies import PropsModify

POST = Operation.CREATE | Subject.CTRL_CONF


def codes(entries: list[object]) -> list[int]:
    return [entry.ret_code for entry in entries]  # type: ignore[attr-defined]


def test_every_rule_of_the_table_can_be_applied() -> None:
    for rule in properties.TABLE.properties:
        assert rule.accepts("") in (True, False)
        if rule.type in ("regex", "boolean", "boolean_true_false"):
            re.compile(rule.value)
        assert set(rule.objects) <= set(properties.TABLE.objects)
        if rule.dflt and rule.type in ("range", "boolean_true_false") and rule.name != "DrbdOptions/Disk/" \
                "discard-granularity" and rule.dflt.isdigit():
            assert rule.accepts(rule.dflt), rule.name


def test_the_counts_are_those_of_linstor() -> None:
    shown = {kind: len(infos) for kind, infos in property_info._ALL.items() if infos}
    assert shown["CTRL"] == 211
    assert shown["RSC_DFN"] == 173
    assert shown["NODE"] == 70
    assert shown["STOR_POOL"] == 37


def test_each_key_gets_an_entry_with_its_own_operation() -> None:
    body = PropsModify({"Aux/new": "1", "Aux/old": "2"}, ("Aux/gone", "Aux/never"))
    props, entries = properties.changed(ObjectKind.NODE, Subject.NODE, {"Aux/old": "1", "Aux/gone": "x"}, body,
                                        {"Node": "n1"})
    assert props == {"Aux/new": "1", "Aux/old": "2"}
    assert codes(entries) == [
        ret_code(0, 1, Operation.CREATE, Subject.NODE), ret_code(0, 3, Operation.MODIFY, Subject.NODE),
        ret_code(0, 2, Operation.DELETE, Subject.NODE),
        ret_code(0x8000000000000000, 1005, Operation.DELETE, Subject.NODE)]
    assert all(entry.obj_refs == {"Node": "n1"} for entry in entries)


def test_who_chose_the_quorum_of_a_definition_is_remembered() -> None:
    body = PropsModify({properties.QUORUM: "majority"})
    props, _ = properties.changed(ObjectKind.RESOURCE_DEFINITION, Subject.RSC_DFN, {}, body)
    assert props[properties.QUORUM_SET_BY] == "user"
    props, _ = properties.changed(ObjectKind.RESOURCE_DEFINITION, Subject.RSC_DFN, props,
                                  PropsModify(delete_props=(properties.QUORUM,)))
    assert props == {}


def test_the_controllers_properties_change_all_or_nothing() -> None:
    model = Model()
    before = model.cluster.controller.props
    model.run(controller_props.modify, PropsModify({"Aux/a": "1"}), mask=POST)
    assert model.cluster.controller.props == {**before, "Aux/a": "1"}
    with pytest.raises(InvalidInput):
        model.run(controller_props.modify, PropsModify({"Aux/b": "1", "Nonsense": "1"}), mask=POST)
    change = model.run(controller_props.modify, PropsModify({"Aux/b": "1"}, ("Nonsense",)), mask=POST)
    assert [entry.is_error for entry in change.answers] == [True]
    assert model.cluster.controller.props == {**before, "Aux/a": "1"}


def test_a_namespace_of_the_controller_is_not_deleted_at_once() -> None:
    model = Model()
    model.run(controller_props.modify, PropsModify({"Aux/a/b": "1"}), mask=POST)
    change = model.run(controller_props.modify, PropsModify(delete_namespaces=("Aux", "Unknown")), mask=POST)
    assert [entry.is_error for entry in change.answers] == [True]
    assert "Aux/a/b" in change.answers[0].correction
    assert model.cluster.controller.props["Aux/a/b"] == "1"


def test_one_property_is_deleted_by_its_path() -> None:
    model = Model()
    model.run(controller_props.modify, PropsModify({"DrbdOptions/Net/max-buffers": "9000"}), mask=POST)
    change = model.run(controller_props.delete, key="DrbdOptions/Net/max-buffers",
                       mask=Operation.DELETE | Subject.CTRL_CONF)
    assert [entry.code for entry in change.answers] == [2]
    assert "DrbdOptions/Net/max-buffers" not in model.cluster.controller.props
    with pytest.raises(InvalidInput):
        model.run(controller_props.delete, key="NotThere")
