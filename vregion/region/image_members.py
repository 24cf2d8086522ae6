"""Members of a shared image: the projects that may see it, and whether each wants it in its list.

Called by the image API. They are a part of the image's spec and have no rows of their own.
"""

from datetime import datetime
from typing import Any

from vregion.model.refusals import Conflict, Forbidden, NotFound
from vregion.model.resource import Resource
from vregion.region import images
from vregion.region.images import MEMBERS
from vregion.region.regions import Transaction

STATES = ("pending", "accepted", "rejected")


def document(image: Resource, member_id: str) -> dict[str, Any]:
    """Glance's document of one member."""
    member = {"member_id": member_id, "image_id": image.id, "schema": "/v2/schemas/member"}
    return {**image.spec[MEMBERS][member_id], **member}


def listed(image: Resource, project_id: str) -> list[str]:
    """The owner sees all of them, a member itself. Raises NotFound, or Forbidden when nobody can be one."""
    if image.spec["visibility"] != "shared":
        raise Forbidden("Only shared images have members.")
    members: dict[str, Any] = image.spec.get(MEMBERS, {})
    return [m for m in members if project_id in (image.project_id, m)]


def find(image: Resource, member_id: str, project_id: str) -> dict[str, Any]:
    """One that this project may see. Raises NotFound."""
    if member_id not in listed(image, project_id):
        raise NotFound(f"{member_id} not found in the member list of the image {image.id}.")
    return document(image, member_id)


async def add(tx: Transaction, image: Resource, member_id: str, now: datetime) -> dict[str, Any]:
    """A pending member. Raises Conflict for one that is there."""
    if image.spec["visibility"] != "shared":
        raise Forbidden("Only shared images have members.")
    members = dict(image.spec.get(MEMBERS, {}))
    if member_id in members:
        raise Conflict(f"Member {member_id} is duplicated for image {image.id}")
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    members[member_id] = {"status": "pending", "created_at": stamp, "updated_at": stamp}
    image = await images.write(tx, image, now, spec={**image.spec, MEMBERS: members})
    return document(image, member_id)


async def set_status(tx: Transaction, image: Resource, member_id: str, status: str, now: datetime) -> dict[str, Any]:
    """The member's own answer."""
    member = {**image.spec[MEMBERS][member_id], "status": status, "updated_at": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    spec = {**image.spec, MEMBERS: {**image.spec[MEMBERS], member_id: member}}
    return document(await images.write(tx, image, now, spec=spec), member_id)


async def remove(tx: Transaction, image: Resource, member_id: str, now: datetime) -> None:
    """Raises NotFound."""
    members = dict(image.spec.get(MEMBERS, {}))
    if members.pop(member_id, None) is None:
        raise NotFound(f"{member_id} not found in the member list of the image {image.id}.")
    await images.write(tx, image, now, spec={**image.spec, MEMBERS: members})
