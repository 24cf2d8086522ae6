"""Keypairs and their rules. Nova knows no mark on them: the mark is the end of the name, and the name is the id."""

import base64
import binascii
import hashlib
from typing import Any

from vregion.drivers.contract import Permanent
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import MemoryCollection
from vregion.model.resource import Kind


class Keypairs(MemoryCollection):
    """Nova's keypairs; nothing of one can be updated."""

    kind = Kind.KEYPAIR
    required = ("name", "public_key")

    def make(self, mark: str, body: dict[str, Any]) -> Row:
        name = f"{body['name'][:200]}_{mark}"
        if name in self.cloud.rows[self.kind]:
            raise Permanent(f"Key pair '{name}' already exists.", 409)
        document = {
            "id": name,
            "name": name,
            "type": body.get("type", "ssh"),
            "public_key": body["public_key"],
            "fingerprint": _fingerprint(body["public_key"]),
            "user_id": self.project,
        }
        return self.cloud.add(self.kind, self.project, document, mark)

    def marked(self, row: Row, mark: str) -> bool:
        return row.id.endswith(f"_{mark}")


def _fingerprint(public_key: str) -> str:
    """MD5 over the key's blob, in pairs, as Nova shows it."""
    try:
        digest = hashlib.md5(base64.b64decode(public_key.split()[1], validate=True), usedforsecurity=False).hexdigest()
    except (IndexError, binascii.Error):
        raise Permanent("Keypair data is invalid: failed to generate fingerprint") from None
    return ":".join(digest[i : i + 2] for i in range(0, 32, 2))
