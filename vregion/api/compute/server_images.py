"""Images made of servers: createImage and createBackup. The image's record is ours before the zone is asked.

The zone's new image carries our id as a property, so that it is found should we not live to read the answer.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.api.compute.server_calls import ask, record
from vregion.api.http import Call, Reply
from vregion.drivers.contract import Answer
from vregion.model.microversion import Microversion
from vregion.model.refusals import Forbidden, Invalid
from vregion.model.resource import Kind, Resource
from vregion.region import image_data, images, resources, server_images, user_limits
from vregion.region.resources import Filter, Query

_ID_IN_BODY = Microversion(2, 45)
_UNLIMITED_METADATA = Microversion(2, 39)
MARK = "vregion_id"


async def create_image(call: Call, server: Resource, given: Any) -> Reply:
    """A snapshot in the server's zone; of its volumes, when it boots from one."""
    if server_images.boots_from_volume(server):
        return await _of_volumes(call, server, given)
    image = await _make(call, server, given, {"image_type": "snapshot"}, {})
    await record(call, server, "createImage")
    return _answer(call, image)


async def create_backup(call: Call, server: Resource, given: Any) -> Reply:
    """A snapshot that takes the place of the oldest of its type; which are too many is decided here."""
    if server_images.boots_from_volume(server):
        raise Invalid("Backup is not supported for volume-backed instances.")
    rotation, kind = int(given["rotation"]), given["backup_type"]
    image = None
    if rotation > 0:
        image = await _make(call, server, given, {"image_type": "backup"}, {"backup_type": kind})
        await record(call, server, "createBackup")
    await _rotate(call, server, kind, rotation)
    return _answer(call, image) if image is not None else Reply(None, 202)


async def _of_volumes(call: Call, server: Resource, given: Mapping[str, Any]) -> Reply:
    """Rows only: no zone is asked."""
    metadata = given.get("metadata") or {}
    await _check_metadata(call, metadata)
    async with call.region.write() as tx:
        image = await server_images.create(tx, call.caller, server, given["name"].strip(), metadata, datetime.now(UTC))
    await record(call, server, "createImage")
    return _answer(call, image)


async def _make(
    call: Call, server: Resource, given: Mapping[str, Any], default: Mapping[str, str], fixed: Mapping[str, str]
) -> Resource:
    """The tenant's metadata win over `default` and not over `fixed` (nova 34.0.0 `compute/api.py` _create_image)."""
    metadata = given.get("metadata") or {}
    await _check_metadata(call, metadata)
    told = {**default, **metadata, **fixed}
    properties = {**told, "instance_uuid": server.id, "base_image_ref": server.spec["imageRef"]}
    wanted = {"name": given["name"].strip(), "visibility": "private", **properties}
    place = (str(server.availability_zone), str(server.backend_id))
    async with call.region.write() as tx:
        image = await image_data.expect(tx, call.caller, wanted, place, datetime.now(UTC))
    body = {"createImage": {"name": wanted["name"], "metadata": {**told, MARK: image.id}}}
    answer: Answer | None = None
    try:
        answer = await ask(call, server, "createImage", ("POST", "/action", body))
    finally:
        async with call.region.write() as tx:
            if answer is None or answer.body is None:
                await image_data.refused(tx, image, datetime.now(UTC))
            else:
                await image_data.arrived(tx, image, answer.body["image_id"], datetime.now(UTC))
    return image


async def _check_metadata(call: Call, metadata: Mapping[str, str]) -> None:
    if call.microversion >= _UNLIMITED_METADATA:
        return
    async with call.region.read() as tx:
        limit = (await user_limits.limits(tx, call.project_id, call.caller.user_id))["metadata_items"]
    if 0 <= limit < len(metadata):
        raise Forbidden("Image metadata limit exceeded")


async def _rotate(call: Call, server: Resource, kind: str, rotation: int) -> None:
    """Delete what is older than the newest `rotation` backups of that type."""
    filters = [
        Filter("spec.instance_uuid", server.id),
        Filter("spec.backup_type", kind),
        Filter("spec.image_type", "backup"),
        Filter("deleting", False),
    ]
    async with call.region.write() as tx:
        for old in (await resources.list_resources(tx, Query(Kind.IMAGE, server.project_id, filters)))[rotation:]:
            await images.delete(tx, old, datetime.now(UTC))


def _answer(call: Call, image: Resource) -> Reply:
    """The id in the body since 2.45, in a header before."""
    if call.microversion >= _ID_IN_BODY:
        return Reply({"image_id": image.id}, 202)
    return Reply(None, 202, {"Location": f"{call.use.settings.public_url}/image/v2/images/{image.id}"})
