"""Keypairs on a backend: copies of the public key, made again when they are lost; nothing of one ever changes.

The driver puts the mark into the name. The tenant's own name is only there for a person who looks at the backend.
"""

import re
from typing import Any

from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.region import keypairs

_REFUSED = re.compile(r"[^_\- a-zA-Z0-9]")  # Nova before 2.92 takes no others


def body(keypair: Resource, references: References) -> dict[str, Any]:
    """Nova's create body."""
    return {
        "name": _REFUSED.sub("-", keypair.name).lstrip() or "key",
        "type": keypair.spec["type"],
        "public_key": keypair.spec["public_key"],
    }


RECIPE = Recipe(
    Kind.KEYPAIR,
    body=body,
    settled=keypairs.settled,
    stopped=keypairs.stopped,
    vanished=keypairs.vanished,
    lost=keypairs.lost,
    recreate=True,
)
