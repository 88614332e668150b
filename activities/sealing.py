"""What a drill's workflow says to the server is sealed: players may look at its history.

Scenarios hold what players must not know, and a history shows every argument to whoever can open
it. Payloads are packed and encrypted with a key derived from the vault's.
"""

import dataclasses
import hashlib
import zlib
from collections.abc import Sequence
from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from store.keys import seal, unseal

ENCODING: Final = b"binary/yaoan-sealed"
_PLACE: Final = b"yaoan drill payload"


class Sealing(PayloadCodec):
    """Packs and encrypts; what is not sealed is left as it is when it is read."""

    def __init__(self, secret: bytes) -> None:
        """Seal under a key of its own, derived from ``secret``."""
        self._key = hashlib.sha256(b"yaoan drills\x00" + secret).digest()

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """``payloads``, each as one that only the holder of the key can read."""
        return [
            Payload(
                metadata={"encoding": ENCODING},
                data=seal(self._key, zlib.compress(payload.SerializeToString()), _PLACE),
            )
            for payload in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """What ``encode`` was given.

        Raises:
            store.errors.Unreadable: it was sealed under another key, or changed.
        """
        return [self._opened(payload) for payload in payloads]

    def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        return Payload.FromString(zlib.decompress(unseal(self._key, payload.data, _PLACE)))


def sealed(client: Client, secret: bytes) -> Client:
    """``client`` as it speaks to the workflows of drills; failures are sealed as well."""
    config = client.config()
    converter: DataConverter = config["data_converter"]
    config["data_converter"] = dataclasses.replace(
        converter,
        payload_codec=Sealing(secret),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
    return Client(**config)
