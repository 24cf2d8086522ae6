"""One tag at a time; a whole set of them is a property of the image like others."""

from datetime import UTC, datetime

from vregion.api.http import Call, Reply, Routes
from vregion.api.image import bodies
from vregion.api.image.images import absent_as, checked
from vregion.model.refusals import NotFound, TooLarge
from vregion.region import images

routes = Routes()
_MOST = 128  # glance 33.0.0 image_tag_quota


@routes.put("/images/{image_id}/tags/{tag}", policy="modify_image")
async def add(call: Call) -> Reply:
    """Twice is once."""
    bodies.refused(call)
    tag = call.path["tag"]
    checked(call, {"tags": [tag]})
    async with call.region.write() as tx:
        with absent_as("Image {} not found.", call):
            image = await images.own(tx, call.caller, call.path["image_id"], "modify_image")
        tags = sorted({*image.spec["tags"], tag})
        if len(tags) > _MOST:
            raise TooLarge(f"Image tag limit exceeded for image {image.id}: attempted {len(tags)}, maximum {_MOST}")
        await images.update(tx, image, {**image.spec, "tags": tags}, datetime.now(UTC))
    return Reply(status=204)


@routes.delete("/images/{image_id}/tags/{tag}", policy="modify_image")
async def remove(call: Call) -> Reply:
    """404 for a tag that it has not."""
    bodies.refused(call)
    tag = call.path["tag"]
    async with call.region.write() as tx:
        with absent_as("Image {} not found.", call):
            image = await images.own(tx, call.caller, call.path["image_id"], "modify_image")
        if tag not in image.spec["tags"]:
            raise NotFound("The resource could not be found.")
        tags = [known for known in image.spec["tags"] if known != tag]
        await images.update(tx, image, {**image.spec, "tags": tags}, datetime.now(UTC))
    return Reply(status=204)
