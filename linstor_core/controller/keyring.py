"""Opens and wraps the master key: AES-GCM under a key that scrypt derives from the passphrase. Seals secrets under it.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from linstor_core.domain.encryption import MasterKey, SealedSecret
from linstor_core.domain.errors import Code, InvalidInput, NotFound

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
PURPOSE = b"linstor master key"
SECRET_PURPOSE = b"linstor secret"


class Keyring:
    """Holds the master key while it is unlocked.

    Creating and unlocking take some 50 ms of CPU: call them in a thread.
    """

    def __init__(self) -> None:
        self._key: bytes | None = None

    def __repr__(self) -> str:
        return f"Keyring({'unlocked' if self.is_unlocked else 'locked'})"

    @property
    def is_unlocked(self) -> bool:
        return self._key is not None

    def create(self, passphrase: str) -> MasterKey:
        """A new random master key, unlocked from now on."""
        self._key = os.urandom(KEY_BYTES)
        return wrap(self._key, passphrase)

    def unlock(self, stored: MasterKey, passphrase: str) -> None:
        """Raises InvalidInput for a wrong passphrase; the keyring stays as it was."""
        self._key = unwrap(stored, passphrase)

    def forget(self) -> None:
        self._key = None

    def seal(self, text: str) -> SealedSecret:
        """A secret as it may be stored. Raises NotFound (312) while locked."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(12)
        sealed = AESGCM(self._opened()).encrypt(nonce, text.encode(), SECRET_PURPOSE)
        return SealedSecret(_text(nonce), _text(sealed))

    def reveal(self, secret: SealedSecret) -> str:
        """What was sealed. Raises NotFound (312) while locked, InvalidInput (216) for what another key has sealed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._opened()
        try:
            return AESGCM(key).decrypt(_raw(secret.nonce), _raw(secret.wrapped), SECRET_PURPOSE).decode()
        except InvalidTag:
            raise InvalidInput("A stored secret can't be opened.", Code.INVLD_CRYPT_PASSPHRASE,
                               cause="It was sealed under another master key, or is damaged.",
                               correction="Set it anew.") from None

    def _opened(self) -> bytes:
        if self._key is None:
            raise NotFound("The master key is locked.", Code.NOT_FOUND_CRYPT_KEY,
                           cause="Secrets are stored encrypted only, under the master passphrase, which nobody has "
                                 "entered since the controller's start.",
                           correction="Enter it with 'linstor encryption enter-passphrase'.")
        return self._key


def wrap(key: bytes, passphrase: str) -> MasterKey:
    if not passphrase:
        raise InvalidInput("The passphrase is empty.", Code.INVLD_CRYPT_PASSPHRASE,
                           correction="Choose a passphrase that can't be guessed.")
    salt, nonce = os.urandom(16), os.urandom(12)
    draft = MasterKey(_text(salt), _text(nonce), "")
    sealed = _cipher(draft, passphrase).encrypt(nonce, key, PURPOSE)
    return MasterKey(draft.salt, draft.nonce, _text(sealed))


def unwrap(stored: MasterKey, passphrase: str) -> bytes:
    """The master key. Raises InvalidInput when the passphrase is not the one it was wrapped with."""
    from cryptography.exceptions import InvalidTag

    try:
        return _cipher(stored, passphrase).decrypt(_raw(stored.nonce), _raw(stored.wrapped), PURPOSE)
    except InvalidTag:
        raise InvalidInput("The passphrase is not the one that locks the master key.", Code.INVLD_CRYPT_PASSPHRASE,
                           correction="Enter the passphrase that was given last; nothing was changed.") from None


def _cipher(stored: MasterKey, passphrase: str) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    derive = Scrypt(_raw(stored.salt), KEY_BYTES, stored.cost, stored.block_size, stored.parallel)
    return AESGCM(derive.derive(passphrase.encode()))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text)
