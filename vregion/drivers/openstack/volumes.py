"""Volumes on one OpenStack cloud, and their attachments. Made by the driver; the mark is a metadata item."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from vregion.drivers.contract import Changes, Observed
from vregion.drivers.openstack import messages
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.marks import InMetadata
from vregion.drivers.openstack.service import Window
from vregion.model.microversion import Microversion

_HINTS = "OS-SCH-HNT:scheduler_hints"
_PASSING = {
    "attaching", "backing-up", "creating", "deleting", "detaching", "downloading", "extending", "maintenance",
    "restoring-backup", "retyping", "uploading",
}  # fmt: skip
_HELD = {"reserved", "attaching", "in-use", "detaching"}  # states in which there are attachments
_ATTACHMENTS = Window("volume.attachments", Microversion(3, 27))
_COMPLETION = Window("volume.attachments.complete", Microversion(3, 44))
_MODE = Window("volume.attachments.mode", Microversion(3, 54))
_TOLD = ("id", "status", "instance", "attached_at", "attach_mode")


class Volumes(Resources):
    """Cinder's volumes."""

    word = "volume"
    path = "/volumes"
    list_path = "/detail"
    mark = InMetadata()

    async def get(self, external_id: str) -> Observed:
        """With all attachments of a volume that has some, how it is encrypted if it is, and with Cinder's words when
        it gave up: they are not in the volume but in its user messages.
        """
        document = await self.raw(external_id)
        if document["status"] in _HELD and await self.service.knows(_ATTACHMENTS):
            params = [("volume_id", external_id)]
            told = (await self.service.send("GET", "/attachments/detail", params=params)).part("attachments")
            document["every_attachment"] = [{name: one[name] for name in _TOLD} for one in told]
        if document.get("encrypted"):
            document["encryption"] = (await self.service.send("GET", f"{self.url(external_id)}/encryption")).body
        seen = self.observe(document)
        seen = await messages.told(self.service, seen)
        words = [message["user_message"] for message in seen.document.get("messages", ())]
        return replace(seen, failed=words[0]) if words else seen

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """Name, description and metadata by PUT; `bootable` by its action, and a larger size by one that goes on after
        the answer. Seen by a show: PUT's answer lacks what that has of the image (cinder 29.0.0 api/contrib/
        volume_image_metadata.py).
        """
        wanted = dict(body)
        size, bootable = wanted.pop("size", None), wanted.pop("bootable", None)
        seen = await super().update(external_id, wanted)
        if bootable is not None and bootable != seen.document["bootable"]:
            action: dict[str, Any] = {"os-set_bootable": {"bootable": bootable == "true"}}
            await self.service.send("POST", f"{self.url(external_id)}/action", action, own=external_id)
        if size is not None and size != seen.document["size"]:
            action = {"os-extend": {"new_size": size}}
            await self.service.send("POST", f"{self.url(external_id)}/action", action, own=external_id)
        return await self.get(external_id)

    async def changes(self, since: datetime | None) -> Changes:
        """All volumes in one listing: Cinder filters by time, but never tells what was deleted."""
        return await self.listed([])

    async def place(self, external_id: str, path: str, body: Mapping[str, Any]) -> str:
        """Attachments lie beside the volumes."""
        if not path.startswith("/attachments"):
            return await super().place(external_id, path, body)
        completes, has_mode = path.endswith("/action"), "mode" in body.get("attachment", {})
        windows = [_ATTACHMENTS, *([_COMPLETION] if completes else []), *([_MODE] if has_mode else [])]
        await self.service.version_for(*windows)
        return path

    def wrap(self, document: dict[str, Any]) -> dict[str, Any]:
        """Scheduler hints go beside the volume."""
        hints = document.pop(_HINTS, None)
        return {"volume": document, _HINTS: hints} if hints else {"volume": document}

    def settled(self, document: dict[str, Any]) -> bool:
        """Whether the status is one that lasts. `reserved` does: a shelved server's volumes are, all the time."""
        return document["status"] not in _PASSING

    def failed(self, document: dict[str, Any]) -> str | None:
        """error, error_deleting, error_extending, ... (cinder/objects/fields.py VolumeStatus)."""
        status = str(document["status"])
        return f"the volume is in status {status}" if status.startswith("error") else None
