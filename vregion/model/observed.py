"""What a driver has seen of one resource; the region renders it into the tenant's document."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Observed:
    """What the backend says of one resource: its id there and its own document in OpenStack's wire form.

    `settled` is False while the backend is still working on it (BUILD, creating, queued, ...): look again soon.
    `failed` carries the backend's words when it gave up (server ERROR, volume error); then `settled` is True.
    `absent` marks a deletion seen in a change feed (Nova's DELETED).
    """

    external_id: str
    document: dict[str, Any]
    settled: bool = True
    failed: str | None = None
    absent: bool = False
