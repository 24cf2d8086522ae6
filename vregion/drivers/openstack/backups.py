"""Volume backups on one OpenStack cloud. Made by the driver; the mark is a metadata item (3.43)."""

from collections.abc import Mapping
from typing import Any

from vregion.drivers.contract import Observed
from vregion.drivers.openstack import messages
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.marks import InMetadata
from vregion.drivers.openstack.session import Params

_PASSING = {"creating", "deleting", "restoring"}


class _Unasked(InMetadata):
    """Cinder's list of backups has no filter by metadata: all of them are looked through."""

    def query(self, mark: str) -> Params:
        return []


class Backups(Resources):
    """Cinder's backups, where its backup service runs."""

    word = "backup"
    path = "/backups"
    list_path = "/detail"
    mark = _Unasked()

    async def get(self, external_id: str) -> Observed:
        """With Cinder's messages of one that failed."""
        return await messages.told(self.service, await super().get(external_id))

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """Cinder answers with the name alone: the rest is asked for."""
        await super().update(external_id, body)
        return await self.get(external_id)

    def settled(self, document: dict[str, Any]) -> bool:
        """Whether the status is one that lasts; the answer to a create has none."""
        return document.get("status", "creating") not in _PASSING

    def failed(self, document: dict[str, Any]) -> str | None:
        """error or error_deleting, with Cinder's reason."""
        status = document.get("status", "")
        if not status.startswith("error"):
            return None
        return document.get("fail_reason") or f"the backup is in status {status}"
