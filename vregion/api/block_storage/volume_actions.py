"""Volume actions: live, answered by the zone that has the volume.

What changes a quota or makes an image is written down before the zone is asked, and taken back when it refuses.
"""

from datetime import UTC, datetime
from typing import Any

from vregion.api import operations
from vregion.api.http import Call, Reply, Routes
from vregion.api.live import live
from vregion.api.schemas.block_storage.types import true
from vregion.api.schemas.block_storage.volumes import ACTIONS
from vregion.drivers.contract import Answer
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid
from vregion.model.resource import Kind, Resource
from vregion.region import image_data, images, volume_types, volumes

routes = Routes()
_OPERATIONS = operations.table("block_storage")


@routes.post("/volumes/{id}/action", policy="volume:action")
async def act(call: Call) -> Reply:
    """One action by its name."""
    name, body = operations.action_of(call), call.json()
    if name not in ACTIONS:
        operations.refuse(_OPERATIONS, "/volumes/{id}/action", name)
    ACTIONS[name].check(body, call.microversion)
    async with call.region.read() as tx:
        volume = await volumes.get(tx, call.path["id"], call.project_id)
    if volume.deleting or volume.status in ("creating", "error"):
        raise Invalid(f"Invalid volume: Volume {volume.id} status must be available or in-use, not {volume.status}.")
    if name == "os-extend":
        return await _extend(call, volume, int(body[name]["new_size"]))
    if name == "os-volume_upload_image":
        return await _upload(call, volume, body[name])
    return _reply(await live(call, Kind.VOLUME, volume, "POST", "/action", body))


async def _extend(call: Call, volume: Resource, size: int) -> Reply:
    """The quota first. A volume in use needs 3.42."""
    if volume.status == "in-use" and call.microversion < Microversion(3, 42):
        raise Invalid(f"Invalid volume: Volume {volume.id} status must be available to extend, but it is in-use.")
    async with call.region.write() as tx:
        volume = await volumes.get(tx, volume.id, call.project_id)
        await volumes.extending(tx, volume, size, _now())
    answer: Answer | None = None
    try:
        answer = await live(call, Kind.VOLUME, volume, "POST", "/action", {"os-extend": {"new_size": size}})
    finally:
        if answer is None or answer.status >= 400:
            async with call.region.write() as tx:
                await volumes.not_extending(tx, volume, _now())
    return _reply(answer)


async def _upload(call: Call, volume: Resource, wanted: dict[str, Any]) -> Reply:
    """An image of the volume, made by the zone: its record is ours before the zone is asked."""
    told = {
        "name": wanted["image_name"],
        "disk_format": wanted.get("disk_format", "raw"),
        "container_format": wanted.get("container_format") or "bare",
        "visibility": wanted.get("visibility", "private"),
        "protected": true(wanted.get("protected", False)),
    }
    place = (str(volume.availability_zone), str(volume.backend_id))
    async with call.region.write() as tx:
        image = await image_data.expect(tx, call.caller, told, place, _now())
    asked = {name: told[name] for name in ("disk_format", "container_format")}
    asked |= {"image_name": wanted["image_name"], "force": true(wanted.get("force", False)), "visibility": "private"}
    answer: Answer | None = None
    try:
        answer = await live(call, Kind.VOLUME, volume, "POST", "/action", {"os-volume_upload_image": asked})
    finally:
        async with call.region.write() as tx:
            if answer is None or answer.status >= 400 or answer.body is None:
                await image_data.refused(tx, image, _now())
            else:
                await image_data.arrived(tx, image, answer.body["os-volume_upload_image"]["image_id"], _now())
    if answer.status >= 400:
        return _reply(answer)
    return Reply({"os-volume_upload_image": _uploaded(call, volume, image)}, 202)


def _uploaded(call: Call, volume: Resource, image: Resource) -> dict[str, Any]:
    """Cinder's answer, with our ids."""
    shown = images.document(image)
    told = {
        "id": volume.id,
        "updated_at": volumes.stamp(volume.updated_at),
        "status": "uploading",
        "display_description": volume.spec.get("description"),
        "size": volume.spec["size"],
        "volume_type": volume_types.document(),
        "image_id": image.id,
        "image_name": shown["name"],
        "container_format": shown["container_format"],
        "disk_format": shown["disk_format"],
    }
    if call.microversion >= Microversion(3, 1):
        told |= {"visibility": shown["visibility"], "protected": shown["protected"]}
    return told


def _reply(answer: Answer) -> Reply:
    return Reply(answer.body, answer.status)


def _now() -> datetime:
    return datetime.now(UTC)
