"""Members of a shared image: the owner adds and removes them, each of them accepts or rejects."""

from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.image.bodies import parsed
from vregion.api.image.images import absent_as
from vregion.model.refusals import Forbidden, Invalid
from vregion.region import image_members, images

routes = Routes()
_STATUS = 'Incorrect request: Status must be "pending", "accepted" or "rejected".'


@routes.get("/images/{image_id}/members", policy="get_members")
async def index(call: Call) -> Reply:
    """All for the owner, itself for a member."""
    async with call.region.read() as tx:
        with absent_as("Image {} not found.", call):
            image = await images.visible(tx, call.path["image_id"], call.project_id)
    found = [image_members.document(image, m) for m in image_members.listed(image, call.project_id)]
    return Reply({"members": found, "schema": "/v2/schemas/members"})


@routes.post("/images/{image_id}/members", policy="add_member")
async def add(call: Call) -> Reply:
    """Pending until it answers."""
    body = _body(call, "member", "image_id")
    if "member" not in body:
        raise Invalid("Member to be added not specified")
    if not isinstance(body["member"], str) or not body["member"]:
        raise Invalid("Member can't be empty")
    if len(body["member"]) > 255 or "|" in body["member"]:
        raise Invalid(f"Incorrect request: Invalid image member: {body['member']}")
    async with call.region.write() as tx:
        with absent_as("Image {} not found.", call):
            image = await images.own(tx, call.caller, call.path["image_id"], "add_member")
        return Reply(await image_members.add(tx, image, body["member"], datetime.now(UTC)))


@routes.get("/images/{image_id}/members/{member_id}", policy="get_member")
async def show(call: Call) -> Reply:
    """One member."""
    async with call.region.read() as tx:
        with absent_as("Image {} not found.", call):
            image = await images.visible(tx, call.path["image_id"], call.project_id)
    return Reply(image_members.find(image, call.path["member_id"], call.project_id))


@routes.put("/images/{image_id}/members/{member_id}", policy="modify_member")
async def update(call: Call) -> Reply:
    """Only the member itself says whether it wants the image."""
    body = _body(call, "status", "status")
    if "status" not in body:
        raise Invalid("Status not specified")
    member_id = call.path["member_id"]
    async with call.region.write() as tx:
        with absent_as("Image {} not found.", call):
            image = await images.visible(tx, call.path["image_id"], call.project_id)
        image_members.find(image, member_id, call.project_id)
        if member_id != call.project_id and not call.caller.is_admin:
            raise Forbidden("You are not authorized to complete modify_member action.")
        if body["status"] not in image_members.STATES:
            raise Invalid(_STATUS)
        return Reply(await image_members.set_status(tx, image, member_id, body["status"], datetime.now(UTC)))


@routes.delete("/images/{image_id}/members/{member_id}", policy="delete_member")
async def remove(call: Call) -> Reply:
    """It sees the image no more."""
    async with call.region.write() as tx:
        with absent_as("Image {} not found.", call):
            image = await images.own(tx, call.caller, call.path["image_id"], "delete_member")
        await image_members.remove(tx, image, call.path["member_id"], datetime.now(UTC))
    return Reply(status=204)


def _body(call: Call, key: str, value: str) -> dict[str, Any]:
    """The body, a form of one key."""
    body = parsed(call)
    if body is None:
        raise Invalid("Body expected in request.")
    if not isinstance(body, dict):
        raise Invalid(f'Expected a {key} in the form: {{"{key}": "{value}"}}')
    return body
