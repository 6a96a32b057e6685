"""The master key: what wraps the keys of encrypted volumes and the secrets of remotes."""

from __future__ import annotations

from msgspec import Struct


class MasterKey(Struct, frozen=True):
    """The master key, wrapped by a key that scrypt derives from the passphrase. All bytes are base64.

    `cost`, `block_size` and `parallel` are scrypt's N, r and p, stored so that a later release can raise them.
    """

    salt: str
    nonce: str
    wrapped: str
    cost: int = 1 << 15
    block_size: int = 8
    parallel: int = 1


class SealedSecret(Struct, frozen=True):
    """A text encrypted under the master key. Both are base64."""

    nonce: str
    wrapped: str
