"""Keypairs. Nova knows no mark on them: it is the end of the name, and the name is the id."""

import base64
import binascii
import hashlib
from typing import Any

from vregion.drivers.contract import Permanent
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import Named
from vregion.model.resource import Kind


class Keypairs(Named):
    """Nova's keypairs."""

    kind = Kind.KEYPAIR
    required = ("name", "public_key")

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        document = {"type": "ssh", "user_id": self.project} | body | {"fingerprint": _fingerprint(body["public_key"])}
        self.mark.put(document, str(mark))
        if document["name"] in self.cloud.rows[self.kind]:
            raise Permanent(f"Key pair '{document['name']}' already exists.", 409)
        return self.add(document | {"id": document["name"]}, mark)


def _fingerprint(public_key: str) -> str:
    """MD5 over the key's blob, in pairs, as Nova shows it."""
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, binascii.Error):
        raise Permanent("Keypair data is invalid: failed to generate fingerprint") from None
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")
