"""Volume actions: live, answered by the zone that has the volume.

What changes a quota or makes an image is written down before the zone is asked, and taken back when it refuses.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vregion.api import operations
from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.api.live import live, realized
from vregion.api.schemas.block_storage.types import true
from vregion.api.schemas.block_storage.volumes import ACTIONS
from vregion.api.schemas.image.images import BODY as IMAGE
from vregion.drivers.contract import Answer
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import attachments, image_data, images, realizations, resources, volume_types, volumes

routes = Routes()
_OPERATIONS = operations.table("block_storage")
_NAMING = {"os-attach": {"instance_uuid": Kind.SERVER}, "revert": {"snapshot_id": Kind.SNAPSHOT}}
# What takes a beginning back does nothing where nothing has begun (cinder 29.0.0 volume/api.py roll_detaching).
_UNDOING = {"os-roll_detaching": ("detaching",), "os-unreserve": ("attaching",)}
_TYPE = ("id", "name", "description", "is_public", "extra_specs", "qos_specs_id")  # and its times
_SHUT = ("creating", "error", volumes.AWAITING, volumes.MAINTENANCE)
_EXTENSION, _IMAGES = "volume_extension:volume_actions", "volume_extension:volume_image_metadata"
_RULES = {
    "os-attach": f"{_EXTENSION}:attach",
    "os-begin_detaching": f"{_EXTENSION}:begin_detaching",
    "os-detach": f"{_EXTENSION}:detach",
    "os-extend": "volume:extend",
    "os-initialize_connection": f"{_EXTENSION}:initialize_connection",
    "os-reimage": "volume:reimage",
    "os-reserve": f"{_EXTENSION}:reserve",
    "os-retype": "volume:retype",
    "os-roll_detaching": f"{_EXTENSION}:roll_detaching",
    "os-set_bootable": "volume:update",
    "os-set_image_metadata": f"{_IMAGES}:set",
    "os-show_image_metadata": "volume:get_volume_metadata",
    "os-terminate_connection": f"{_EXTENSION}:terminate_connection",
    "os-unreserve": f"{_EXTENSION}:unreserve",
    "os-unset_image_metadata": f"{_IMAGES}:remove",
    "os-update_readonly_flag": "volume:update_readonly_flag",
    "os-volume_upload_image": f"{_EXTENSION}:upload_image",
    "revert": "volume:revert_to_snapshot",
}
RULES = {rule: "reader" if rule == "volume:get_volume_metadata" else "member" for rule in _RULES.values()}


@routes.post("/volumes/{id}/action", policy="volume:get")
async def act(call: Call) -> Reply:
    """One action by its name."""
    name, body = operations.chosen(_OPERATIONS, "/volumes/{id}/action", call), call.json()
    ACTIONS[name].check(body, call.microversion)
    call.enforce(_RULES[name])
    async with call.region.read() as tx:
        volume = await volumes.get(tx, call.path["id"], listing.whose(call))
    if name == "os-show_image_metadata":
        if not (known := volume.spec.get("volume_image_metadata")):
            raise NotFound(f"Glance metadata for volume/snapshot {volume.id} cannot be found.")
        return Reply({"metadata": known})
    if name in _UNDOING and volume.status not in _UNDOING[name]:
        return Reply(status=202)
    if volume.deleting or volume.status in _SHUT:
        raise Invalid(f"Invalid volume: Volume {volume.id} status must be available or in-use, not {volume.status}.")
    if name in _OWN:
        return await _OWN[name](call, volume, body[name])
    if name in _NAMING:
        body = {name: await _external(call, volume, _NAMING[name], body[name])}
    return _reply(await live(call, Kind.VOLUME, volume, "POST", "/action", body))


async def _external(call: Call, volume: Resource, names: Mapping[str, Kind], given: Any) -> Any:
    """What an action names, by the zone's ids. A server that is not ours may be named by whatever it is called."""
    found = dict(given or {})
    for name, kind in names.items():
        if not found.get(name):
            continue
        async with call.region.read() as tx:
            there = await realizations.on_backend(tx, kind, found[name], str(volume.backend_id))
            mine = await resources.find(tx, kind, found[name], volume.project_id)
        if there is not None and there.external_id is not None and mine is not None:
            found[name] = there.external_id
        elif kind is Kind.SNAPSHOT:
            words = f"Specified snapshot {found[name]} is None or not the latest one of volume {volume.id}."
            raise Invalid(words)
    return found if given is not None else None


async def _set_image_metadata(call: Call, volume: Resource, given: dict[str, Any]) -> Reply:
    """Known at once, so that a new `image_id` is not taken for the image that it was made of."""
    answer = await live(call, Kind.VOLUME, volume, "POST", "/action", {"os-set_image_metadata": given})
    if answer.status < 400:
        async with call.region.write() as tx:
            await volumes.image_metadata_set(tx, volume, given["metadata"], _now())
    return _reply(answer)


async def _detach(call: Call, volume: Resource, given: dict[str, Any] | None) -> Reply:
    """An attachment is named by our id."""
    asked = dict(given or {})
    if ours := asked.get("attachment_id"):
        async with call.region.read() as tx:
            known = await resources.find(tx, Kind.ATTACHMENT, ours, volume.project_id)
        asked["attachment_id"] = known.spec.get(attachments.EXTERNAL, ours) if known else ours
    return _reply(await live(call, Kind.VOLUME, volume, "POST", "/action", {"os-detach": asked}))


async def _retype(call: Call, volume: Resource, given: dict[str, Any]) -> Reply:
    """The quota of the type first, which the volume's own zone has; to another zone nothing is migrated."""
    zones = await call.use.directory.bindings(call.region.id)
    kind = volume_types.named(zones, given["new_type"])
    if volume.backend_id not in [zone.backend_id for zone in volume_types.having(zones, kind)]:
        raise volume_types.refuse(kind)
    if kind["id"] == volume_types.ID:
        raise Invalid("Invalid input received: The type `default` is each zone's own choice: name one of its types.")
    async with call.region.write() as tx:
        await volumes.retyping(tx, await volumes.get(tx, volume.id, volume.project_id), kind, _now())
    answer: Answer | None = None
    try:
        asked = {"os-retype": {**given, "new_type": kind["name"]}}
        answer = await live(call, Kind.VOLUME, volume, "POST", "/action", asked)
    finally:
        async with call.region.write() as tx:
            if answer is None or answer.status >= 400:
                await volumes.not_retyping(tx, volume, _now())
            else:
                await volumes.retyped(tx, volume, kind, _now())
    return _reply(answer)


async def _reimage(call: Call, volume: Resource, given: dict[str, Any]) -> Reply:
    """The image is brought to the zone first."""
    async with call.region.write() as tx:
        image = await images.bootable(tx, given["image_id"], call.project_id)
        await realizations.want(tx, Kind.IMAGE, image.id, str(volume.backend_id), _now())
    there = replace(image, backend_id=volume.backend_id, availability_zone=volume.availability_zone)
    asked = {"os-reimage": {**given, "image_id": await realized(call, there)}}
    return _reply(await live(call, Kind.VOLUME, volume, "POST", "/action", asked))


async def _extend(call: Call, volume: Resource, size: int) -> Reply:
    """The quota first. A volume in use needs 3.42."""
    if volume.status == "in-use" and call.microversion < Microversion(3, 42):
        raise Invalid(f"Invalid volume: Volume {volume.id} status must be available to extend, but it is in-use.")
    async with call.region.write() as tx:
        volume = await volumes.get(tx, volume.id, volume.project_id)
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
    container = wanted.get("container_format") or "bare"
    _check_container(call, container)
    told = {
        "name": wanted["image_name"],
        "disk_format": wanted.get("disk_format", "raw"),
        "container_format": container,
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
    there = (answer.body or {}).get("os-volume_upload_image", {}).get("volume_type")
    told = _uploaded(call, volume, image) | {"volume_type": await _type_told(call, volume, there)}
    return Reply({"os-volume_upload_image": told}, 202)


def _check_container(call: Call, container: str) -> None:
    """Raises Invalid in the words of Glance, and of Cinder's client of it."""
    try:
        IMAGE.check({"container_format": container}, call.microversion)
    except Invalid as wrong:
        raise Invalid(f"Unable to set 'container_format' to '{container}'. Reason: {wrong.message}") from wrong


async def _type_told(call: Call, volume: Resource, there: Any) -> dict[str, Any]:
    """All that Cinder's row of a type has: ours, with the times of the zone's own."""
    name, type_id = volume_types.of(volume)
    zones = await call.use.directory.bindings(call.region.id)
    kind = volume_types.known(zones, type_id) or {"id": type_id, "name": name}
    times = {key: (there or {}).get(key) for key in ("created_at", "updated_at", "deleted_at")}
    return {key: kind.get(key) for key in _TYPE} | times | {"deleted": False}


def _uploaded(call: Call, volume: Resource, image: Resource) -> dict[str, Any]:
    """Cinder's answer, with our ids."""
    shown = images.document(image)
    told = {
        "id": volume.id,
        "updated_at": volumes.stamp(volume.updated_at),
        "status": "uploading",
        "display_description": volume.spec.get("description"),
        "size": volume.spec["size"],
        "image_id": image.id,
        "image_name": shown["name"],
        "container_format": shown["container_format"],
        "disk_format": shown["disk_format"],
    }
    if call.microversion >= Microversion(3, 1):
        told |= {"visibility": shown["visibility"], "protected": shown["protected"]}
    return told


_OWN: Mapping[str, Callable[[Call, Resource, Any], Awaitable[Reply]]] = {
    "os-extend": lambda call, volume, given: _extend(call, volume, int(given["new_size"])),
    "os-volume_upload_image": _upload,
    "os-detach": _detach,
    "os-retype": _retype,
    "os-reimage": _reimage,
    "os-set_image_metadata": _set_image_metadata,
}


def _reply(answer: Answer) -> Reply:
    return Reply(answer.body, answer.status)


def _now() -> datetime:
    return datetime.now(UTC)
