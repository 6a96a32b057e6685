"""Every rule from both sides: the longest and shortest legal name, and the first illegal one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linstor_core.domain import names
from linstor_core.domain.errors import InvalidInput

RULES = [(names.resource_name, 2, 48, 202), (names.resource_group_name, 2, 48, 237), (names.snapshot_name, 2, 48, 218),
         (names.key_value_store_name, 2, 48, 223), (names.storage_pool_name, 3, 48, 208),
         (names.net_interface_name, 3, 32, 209)]


@pytest.mark.parametrize(("rule", "shortest", "longest", "code"), RULES)
def test_length_decides(rule, shortest, longest, code):
    assert rule("a" * shortest) == "a" * shortest
    assert rule("A" * longest) == "A" * longest
    for length in (0, shortest - 1, longest + 1):
        with pytest.raises(InvalidInput) as refusal:
            rule("a" * length)
        assert refusal.value.code == code
        assert refusal.value.cause


@pytest.mark.parametrize(("rule", "code"), [(rule, code) for rule, _, _, code in RULES])
@pytest.mark.parametrize("name", ["1abc", "-abc", "a b", "a.b", "äöü", "abcé", "___", "_12", "abc\n", "a/b", None])
def test_illegal_characters(rule, code, name):
    with pytest.raises(InvalidInput) as refusal:
        rule(name)
    assert refusal.value.code == code


@pytest.mark.parametrize("name", ["_abc", "a-b_c", "Abc1", "pvc-4c6f", "vm-100-disk-1"])
def test_case_is_kept(name):
    assert names.resource_name(name) == name


@pytest.mark.parametrize("name", ["all", "ALL", "proxy", "Proxy"])
def test_reserved_names_of_resources(name):
    with pytest.raises(InvalidInput):
        names.resource_name(name)
    assert names.resource_group_name(name) == name


@pytest.mark.parametrize("name", ["n1", "node-1.example.org", "1node", "a" * 63 + ".b", "10.0.0.1"])
def test_node_names(name):
    assert names.node_name(name) == name


@pytest.mark.parametrize("name", ["", "x", "inv alid", ".ab", "ab.", "-ab", "ab-", "a..b", "a" * 64, "ab.a-", "okebs_",
                                  "ab." * 86, None, "nöde"])
def test_illegal_node_names(name):
    with pytest.raises(InvalidInput) as refusal:
        names.node_name(name)
    assert refusal.value.code == 200


@given(st.text(max_size=80), st.sets(st.text(max_size=5)))
def test_a_generated_name_is_legal_and_free(external_name, more):
    first = names.generated_resource_name(external_name, lambda _: False)
    used = {first.upper(), *(text.upper() for text in more)}
    second = names.generated_resource_name(external_name, lambda name: name.upper() in used)
    assert names.resource_name(first) == first
    assert names.resource_name(second).upper() not in used
