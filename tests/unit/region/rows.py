"""Rows for tests: a resource with as few words as a test wants to say."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from vregion.model.resource import Kind, Resource

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def resource(kind: Kind = Kind.VOLUME, minute: int = 0, **more: Any) -> Resource:
    """A resource made `minute` minutes after noon."""
    at = NOON + timedelta(minutes=minute)
    given: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "project_id": "p1",
        "user_id": "u1",
        "name": "thing",
        "status": "available",
        "created_at": at,
        "updated_at": at,
        "spec": {},
    }
    return Resource(kind=kind, **{**given, **more})
