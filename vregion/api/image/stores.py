"""Taking an image out of a store: the zone need not have it for the tenant any more."""

from datetime import UTC, datetime

from vregion.api.http import Call, Reply, Routes
from vregion.model.refusals import Conflict, Forbidden, NotFound
from vregion.region import image_copies, images

routes = Routes()


@routes.delete("/stores/{store_id}/{image_id}", policy="delete_image_location")
async def delete(call: Call) -> Reply:
    """Never out of the only one. What servers there stand on stays as a copy, until they are gone."""
    store, image_id = call.path["store_id"], call.path["image_id"]
    zones = {zone.availability_zone: zone.backend_id for zone in await call.use.directory.bindings(call.region.id)}
    if store not in zones:
        raise Conflict(f"The selected store {store} is not available on this node.")
    now = datetime.now(UTC)
    async with call.region.write() as tx:
        try:
            image = await images.own(tx, call.caller, image_id, "delete_image_location")
        except NotFound as unseen:
            raise NotFound(f"Failed to find image {image_id}") from unseen
        if image.status != "active":
            raise Conflict("It's not allowed to remove image data from store if image status is not 'active'")
        have = images.stores(image)
        if len(have) <= 1:
            words = "Cannot delete image data from the only store containing it. Consider deleting the image instead."
            raise Forbidden(words)
        if zones[store] not in have:
            raise NotFound(f"Image {image_id} is not stored in store {store}.")
        image = await images.leave_store(tx, image, zones[store], now)
        await image_copies.drop(tx, zones[store], image.id, now)
    return Reply(status=204)
