"""Volume snapshots on one OpenStack cloud. Made by the driver; the mark is a metadata item."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vregion.drivers.contract import Changes, Observed
from vregion.drivers.openstack import messages
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.marks import InMetadata

_PASSING = {"creating", "deleting", "backing-up", "restoring", "unmanaging"}


class Snapshots(Resources):
    """Cinder's snapshots."""

    word = "snapshot"
    path = "/snapshots"
    list_path = "/detail"
    mark = InMetadata()

    async def get(self, external_id: str) -> Observed:
        """With Cinder's messages of one that failed."""
        return await messages.told(self.service, await super().get(external_id))

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """Name and description by PUT; metadata has a path of its own (cinder/api/v3/snapshot_metadata.py)."""
        wanted = dict(body)
        metadata = wanted.pop("metadata", None)
        seen = await super().update(external_id, wanted)
        if metadata is None or metadata == seen.document["metadata"]:
            return seen
        mark = self.mark.read(await self.raw(external_id))
        kept = self.mark.keep(mark, {"metadata": metadata})
        await self.service.send("PUT", f"{self.url(external_id)}/metadata", kept, own=external_id)
        return await self.get(external_id)

    async def changes(self, since: datetime | None) -> Changes:
        """All snapshots in one listing, as with volumes."""
        return await self.listed([])

    def settled(self, document: dict[str, Any]) -> bool:
        """Whether the status is one that lasts."""
        return document["status"] not in _PASSING

    def failed(self, document: dict[str, Any]) -> str | None:
        """error or error_deleting."""
        status = str(document["status"])
        return f"the snapshot is in status {status}" if status.startswith("error") else None
