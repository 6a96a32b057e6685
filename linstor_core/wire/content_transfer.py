"""The messages by which one satellite fetches the content of a volume from another: msgpack frames, tagged Structs.

The one that fetches dials and asks; the one that gives answers with the sizes, then with extents of data in ascending
order, and every now and then with a checksum over what it has sent since the last one. What is not sent is zero.
Every extent is answered by a ContentTaken: the giver has at most WINDOW of them under way.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec
from msgspec import Struct

from linstor_core.domain.observed import Failure

EXTENT_BYTES = 1024 * 1024
"""The most that one extent carries."""
SMALLEST_EXTENT_BYTES = 64 * 1024
WINDOW = 4
"""No more than the frames that an end of the channel takes in without being asked, so that it hears pings meanwhile."""
_DIGEST_BYTES = 32


class ContentRequest(Struct, frozen=True, tag="content_request"):
    """First frame, from a satellite that fetches: the content `data_id` that is offered under this token.

    Everything before `position` is there already, if the content still has this `version`. `most_bytes` is how much the
    one that fetches wants at once: it may be slow on purpose.
    """

    token: str
    data_id: str
    version: str = ""
    position: int = 0
    most_bytes: int = EXTENT_BYTES
    protocol: int = 1

    def __repr__(self) -> str:
        return f"ContentRequest(data_id={self.data_id!r}, position={self.position})"  # the token is a secret


class ContentRefused(Struct, frozen=True, tag="content_refused"):
    """Nothing (more) comes. Ends the stream."""

    failure: Failure


class ContentWaiting(Struct, frozen=True, tag="content_waiting"):
    """The request stands in a queue; says that somebody is still there."""


class ContentOffered(Struct, frozen=True, tag="content_offered"):
    """The extents follow, from `position` on: what was asked for, or 0 when the content is not of that version.

    `data_bytes` of the `size_bytes` are not holes. `modified_ms`: when it last changed, in ms since 1970.
    """

    size_bytes: int
    data_bytes: int
    version: str
    position: int
    modified_ms: int = 0


class ContentExtent(Struct, frozen=True, tag="content_extent"):
    """At most EXTENT_BYTES of data."""

    offset: int
    content: bytes


class ContentChecked(Struct, frozen=True, tag="content_checked"):
    """Everything before `position` has been sent, and the extents since the last checksum have this one.

    `passed_bytes` counts the data before `position`, of data_bytes. `last`: that was all.
    """

    position: int
    checksum: bytes
    passed_bytes: int
    last: bool


class ContentTaken(Struct, frozen=True, tag="content_taken"):
    """From the one that fetches: one more extent or checksum has been dealt with."""


FromGiver = ContentRefused | ContentWaiting | ContentOffered | ContentExtent | ContentChecked

_encoder = msgspec.msgpack.Encoder()
_request = msgspec.msgpack.Decoder(ContentRequest)
_from_giver: msgspec.msgpack.Decoder[FromGiver] = msgspec.msgpack.Decoder(FromGiver)
_taken = msgspec.msgpack.Decoder(ContentTaken)


def encode(message: ContentRequest | FromGiver | ContentTaken) -> bytes:
    return _encoder.encode(message)


def decode_request(frame: bytes) -> ContentRequest:
    """Raises msgspec.DecodeError for a frame that is no such message."""
    return _request.decode(frame)


def decode_from_giver(frame: bytes) -> FromGiver:
    """Raises msgspec.DecodeError for a frame that is no such message."""
    return _from_giver.decode(frame)


def decode_taken(frame: bytes) -> ContentTaken:
    """Raises msgspec.DecodeError for a frame that is no such message."""
    return _taken.decode(frame)


class ExtentsChecksum:
    """BLAKE2b over extents and their places."""

    def __init__(self) -> None:
        self._digest = blake2b(digest_size=_DIGEST_BYTES)

    def update(self, offset: int, content: bytes) -> None:
        self._digest.update(offset.to_bytes(8, "little"))
        self._digest.update(content)

    def value(self) -> bytes:
        return self._digest.digest()


def fetched_state(token: str) -> str:
    """The mark of content that was fetched completely under this token; does not give the token away."""
    return "fetched-" + blake2b(token.encode(), digest_size=16).hexdigest()
