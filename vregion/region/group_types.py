"""Group types: what a tenant may choose for a group. One, for every zone: volumes that are listed and deleted together.

Called by the block storage API and by `groups`. It promises no consistency between the snapshots of a group: they are
taken one by one, as Cinder does for a group type without `consistent_group_snapshot_enabled`.
"""

from typing import Any
from uuid import UUID

from vregion.model.refusals import NotFound

NAME = "default"
ID = "9a0c6d2b-5b0e-4d0a-8a5e-2f4f4d1c7c30"


def document() -> dict[str, Any]:
    """As a project's member sees it (cinder 29.0.0 api/v3/views/group_types.py)."""
    words = "Volumes of one availability zone; the snapshots of a group are taken one by one"
    return {"id": ID, "name": NAME, "description": words, "is_public": True}


def find(name_or_id: str) -> dict[str, Any]:
    """By name or id. Raises NotFound in Cinder's words for either."""
    if name_or_id in (NAME, ID):
        return document()
    try:
        UUID(name_or_id)
    except ValueError:
        raise NotFound(f"Group type with name {name_or_id} could not be found.") from None
    raise NotFound(f"Group type {name_or_id} could not be found.")
