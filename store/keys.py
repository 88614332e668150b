"""Keys: one of its own for each thing kept, wrapped by a master key that stays out of reach."""

import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.errors import Unreadable

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


def new_key() -> bytes:
    """A random key for AES-256."""
    return AESGCM.generate_key(bit_length=256)


def seal(key: bytes, plain: bytes, bound_to: bytes) -> bytes:
    """``plain`` encrypted and bound to a place: a nonce, then AES-256-GCM's ciphertext."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def unseal(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    """What ``seal`` was given.

    Raises:
        Unreadable: another key, another place, or changed bytes.
    """
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise Unreadable("it does not decrypt: a wrong master key, or a changed row") from error


class KeyRing:
    """The master keys: the first wraps, all of them unwrap.

    Each is known by an id that derives from it, so that a wrapped key tells which one it needs
    and the master key can be changed while older ones are still in use.
    """

    def __init__(self, keys: bytes) -> None:
        """Take one or more keys of 32 bytes, one after the other, the newest first.

        Raises:
            ValueError: the bytes are no whole number of keys.
        """
        if not keys or len(keys) % KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes; {len(keys)} bytes were given")
        parts = [keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)]
        self._keys = {_key_id(part): part for part in parts}
        self.current = _key_id(parts[0])
        """The id of the key that wraps."""

    def wrap(self, key: bytes, bound_to: bytes) -> bytes:
        """``key`` under the current master key, bound to a place."""
        return seal(self._keys[self.current], key, self._bound(self.current, bound_to))

    def unwrap(self, master: str, wrapped: bytes, bound_to: bytes) -> bytes:
        """The key that the master key ``master`` wrapped.

        Raises:
            Unreadable: that master key is not on this ring, or the bytes were changed.
        """
        if master not in self._keys:
            raise Unreadable(f"the master key {master} is not among those given")
        return unseal(self._keys[master], wrapped, self._bound(master, bound_to))

    @staticmethod
    def _bound(master: str, place: bytes) -> bytes:
        return b"yaoan key\0" + master.encode() + b"\0" + place


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"yaoan master key\0" + key).hexdigest()[:16]
