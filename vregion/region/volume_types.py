"""Volume types: what a tenant may choose. One type for every zone: the backend's own default type serves it.

Called by the block storage API and by `volumes`. Types of the provider's own making have no rows yet; a name other
than `default` is refused as unknown, never passed over.
"""

from typing import Any
from uuid import UUID

from vregion.model.refusals import NotFound

NAME = "default"
ID = "5f0f8d12-7f4a-4a3e-9d0a-6c1f5f2a9b11"


def document() -> dict[str, Any]:
    """Cinder's v3 document."""
    return {
        "id": ID,
        "name": NAME,
        "is_public": True,
        "description": "The default type of each availability zone",
        "extra_specs": {},
        "os-volume-type-access:is_public": True,
    }


def find(name_or_id: str) -> dict[str, Any]:
    """By name or id. Raises NotFound."""
    if name_or_id not in (NAME, ID):
        raise NotFound(f"Volume type {name_or_id} could not be found.")
    return document()


def named(name_or_id: str) -> dict[str, Any]:
    """What a volume asks for; Cinder tells an unknown name from an unknown id."""
    try:
        UUID(name_or_id)
    except ValueError:
        if name_or_id != NAME:
            raise NotFound(f"Volume type with name {name_or_id} could not be found.") from None
    return find(name_or_id)
