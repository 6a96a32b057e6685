"""The token of an invitation, and the proofs that both sides give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from linstor_core.wire.joining import (
    JoinAnswer,
    JoinRequest,
    JoinToken,
    answer_proof,
    is_same_proof,
    parse_token,
    request_proof,
)

TOKEN = JoinToken("5d3e6c7a-0000-4000-8000-000000000002", bytes(range(24)), "ab" * 32)
REQUEST = JoinRequest(invitation=TOKEN.identity, node_name="n", address="192.0.2.1", port=3367, request="csr")
ANSWER = JoinAnswer(node_name="n", node_uuid="u", cluster_id="c", certificate="cert", authorities="ca")


@given(st.uuids(), st.binary(min_size=24, max_size=24), st.binary(min_size=32, max_size=32))
def test_a_token_is_read_as_it_was_written(identity: object, secret: bytes, fingerprint: bytes) -> None:
    token = JoinToken(str(identity), secret, fingerprint.hex())
    assert parse_token(str(token)) == token == parse_token(f" {token}\n")
    assert "@" not in str(token) and " " not in str(token) and not str(token).startswith("=")


@given(st.text())
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no token"):
        parse_token(text)


@pytest.mark.parametrize("cut", [1, 4, 40, 100])
def test_a_part_of_a_token_is_no_other_token(cut: int) -> None:
    text = str(TOKEN)
    for wrong in (text[cut:], text[:-cut], text[:cut] + ("A" if text[cut] != "A" else "B") + text[cut + 1:]):
        with pytest.raises(ValueError, match="no token"):
            parse_token(wrong)


@pytest.mark.parametrize("change", [
    {"invitation": "x"}, {"node_name": "m"}, {"address": "192.0.2.2"}, {"port": 1}, {"request": "other"},
    {"node_name": "n\x00192.0.2.1", "address": ""}, {"node_name": 'n","192.0.2.1'}])
def test_the_proof_covers_the_whole_request(change: dict[str, object]) -> None:
    other = structs.replace(REQUEST, **change)
    assert request_proof(TOKEN.key, REQUEST) != request_proof(TOKEN.key, other)
    assert answer_proof(TOKEN.key, REQUEST, ANSWER) != answer_proof(TOKEN.key, other, ANSWER)


@pytest.mark.parametrize("field", ["node_name", "node_uuid", "cluster_id", "certificate", "authorities"])
def test_the_proof_covers_the_whole_answer(field: str) -> None:
    assert answer_proof(TOKEN.key, REQUEST, ANSWER) != answer_proof(
        TOKEN.key, REQUEST, structs.replace(ANSWER, **{field: "other"}))


def test_a_proof_of_one_side_is_none_of_the_other_and_each_secret_has_its_own() -> None:
    other = structs.replace(TOKEN, secret=bytes(24))
    proofs = {request_proof(TOKEN.key, REQUEST), answer_proof(TOKEN.key, REQUEST, ANSWER),
              request_proof(other.key, REQUEST), TOKEN.key.hex(), TOKEN.secret.hex()}
    assert len(proofs) == 5
    assert is_same_proof("a", "a") and not is_same_proof("a", "b") and not is_same_proof("ä", "a")
