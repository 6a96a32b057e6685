"""What a property may be, and what a change of properties does."""

from __future__ import annotations

import pytest

from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.domain.property_rules import ObjectKind, PropertyRule, PropertyRules, normalized

RULES = PropertyRules([
    PropertyRule("Net/timeout", ("CTRL", "RSC_DFN"), "range", "(1 - 600)"),
    PropertyRule("Ratio", ("STOR_POOL",), "range_float", "(0.0 - 1000.0)"),
    PropertyRule("Quorum", ("RSC_DFN",), "numeric_or_symbol", "(1 - 32) or (?:all|majority|off)"),
    PropertyRule("Enabled", ("CTRL",), "boolean_true_false", "(?i)(?:true|false|yes|no)"),
    PropertyRule("Letters", ("CTRL",), "regex", "a|b+"),
    PropertyRule("Count", ("CTRL",), "long"),
    PropertyRule("Text", ("CTRL",), "string"),
])


@pytest.mark.parametrize(("kind", "key", "good", "bad"), [
    (ObjectKind.CONTROLLER, "Net/timeout", ["1", "600"], ["0", "601", "", "x", "1.5", "1 ", "٣"]),
    (ObjectKind.STORAGE_POOL, "Ratio", ["0", "0.0", "999.5", "1000"], ["1000.1", "-1", "nan", "inf", "1e3", "."]),
    (ObjectKind.RESOURCE_DEFINITION, "Quorum", ["1", "32", "majority"], ["0", "33", "some", ""]),
    (ObjectKind.CONTROLLER, "Enabled", ["True", "no", "FALSE"], ["1", "on", "yes "]),
    (ObjectKind.CONTROLLER, "Letters", ["a", "bbb"], ["ab", "ba", "", "b\n"]),
    (ObjectKind.CONTROLLER, "Count", ["-1", "0", "720"], ["x", "1.0", "9" * 30]),
    (ObjectKind.CONTROLLER, "Text", ["", "anything at all"], []),
    (ObjectKind.NODE_CONNECTION, "Paths/fast/n1", ["default", "eth_1"], ["a/b", "", "1st"]),
    (ObjectKind.RESOURCE_CONNECTION, "Paths/fast/n1", ["default"], ["a b"]),
])
def test_values_are_checked(kind: ObjectKind, key: str, good: list[str], bad: list[str]) -> None:
    for value in good:
        RULES.check(kind, key, value)
    for value in bad:
        with pytest.raises(InvalidInput) as refusal:
            RULES.check(kind, key, value)
        assert refusal.value.code == Code.INVLD_PROP
        assert refusal.value.cause


def test_an_unknown_key_is_refused_with_the_one_that_was_probably_meant() -> None:
    with pytest.raises(InvalidInput) as refusal:
        RULES.check(ObjectKind.CONTROLLER, "Net/timeut", "5")
    assert "'Net/timeout'" in refusal.value.correction


def test_a_key_of_another_kind_of_object_is_refused_with_where_it_belongs() -> None:
    with pytest.raises(InvalidInput) as refusal:
        RULES.check(ObjectKind.CONTROLLER, "Ratio", "5")
    assert "STOR_POOL" in refusal.value.correction


def test_a_group_takes_what_its_definitions_take() -> None:
    RULES.check(ObjectKind.RESOURCE_GROUP, "Quorum", "majority")


def test_everything_below_aux_is_free() -> None:
    change = RULES.change(ObjectKind.SNAPSHOT, {}, {"Aux//x/": "v", "Aux/y": ""})
    assert change.props == {"Aux/x": "v", "Aux/y": ""}


def test_a_change_merges_and_deletes_and_tells_what_became_of_each_key() -> None:
    before = {"Aux/kept": "1", "Aux/gone": "2", "Aux/space/a": "3", "Aux/spaceship": "4", "Aux/changed": "5"}
    change = RULES.change(ObjectKind.NODE, before, {"Aux/new": "6", "Aux/changed": "7", "Aux/kept": "1"},
                          ["Aux/gone", "Aux/never"], ["Aux/space", "Aux/none"])
    assert change.props == {"Aux/kept": "1", "Aux/spaceship": "4", "Aux/changed": "7", "Aux/new": "6"}
    assert (change.created, change.modified) == (("Aux/new",), ("Aux/changed",))
    assert (change.deleted, change.absent) == (("Aux/gone",), ("Aux/never",))
    assert before["Aux/gone"] == "2"


def test_a_refused_value_changes_nothing() -> None:
    with pytest.raises(InvalidInput):
        RULES.change(ObjectKind.CONTROLLER, {}, {"Aux/fine": "1", "Count": "many"})


@pytest.mark.parametrize(("key", "path"), [("a", "a"), ("/a//b/", "a/b"), ("", ""), ("//", "")])
def test_keys_are_paths(key: str, path: str) -> None:
    assert normalized(key) == path
