"""Copies of volumes from zone to zone: a volume of the source there, an image of that, and the new volume of the image.

Called by `volume_creates`, `volumes`, `volume_moves` and the reconcilers' recipes. The two helpers are rows of no
tenant's project, with the new volume as their parent. Each step is begun by the transaction that observes the end of
the one before it: whoever dies, the rows say what is left to do. The helpers go when the new volume is there, has
failed, or is deleted.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from vregion.model.caller import Caller
from vregion.model.resource import Kind, Resource
from vregion.region import images, realizations, resources
from vregion.region.regions import Transaction

PROJECT = "vregion"  # whose the helpers are
COPY = "vregion:copy"  # in the new volume: {"image", "zone", "step"}; from step 3 on its own zone is at work
COPIED = "vregion:copied"  # in the new volume, for good: what the source said of its image
BOOTABLE = "vregion:bootable"  # in the new volume: its backend takes whatever comes from an image for bootable
MOVING = "vregion:moving"  # in a volume that follows its server: the copy is its own, on another backend (volume_moves)
HELD = "vregion:held"  # in the helper of such a one: the volume is reserved by a shelved server, and held for the copy
OF_VOLUME = images.OF_VOLUME
FORMAT = "qcow2"  # a sparse volume does not cost its full size on the way
STEPS = (
    "a volume of it is being made in {zone}",
    "an image of that is being made in {zone}",
    "{size} bytes come from {zone}",
)


async def begin(
    tx: Transaction, caller: Caller, volume: Resource, source: Resource, facts: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Write down the helpers, and want them where the source is. What the new volume's spec has of it.

    `facts` is the spec of the volume that the source is, or was taken of.
    """
    backend_id = str(source.backend_id)
    size = int(source.spec["size"])
    word = {Kind.SNAPSHOT: "snapshot_id", Kind.BACKUP: "backup_id"}.get(source.kind, "source_volid")
    helper = Resource(
        id=str(uuid4()),
        kind=Kind.VOLUME,
        project_id=PROJECT,
        user_id=caller.user_id,
        name="",
        status="creating",
        created_at=now,
        updated_at=now,
        spec={word: source.id, "size": size, "vregion:gigabytes": size, HELD: volume.id == source.id},
        availability_zone=source.availability_zone,
        backend_id=backend_id,
        parent_id=volume.id,
    )
    await resources.insert_resource(tx, helper)
    await realizations.need(tx, helper, [(source.kind, source.id)])
    wanted: dict[str, Any] = {
        "name": volume.id,
        "disk_format": FORMAT,
        "container_format": "bare",
        "visibility": "private",
    }
    wanted |= {images.MADE_THERE: True, OF_VOLUME: helper.id}
    image = await images.create(tx, replace(caller, project_id=PROJECT), wanted, now)
    place = {"availability_zone": source.availability_zone, "backend_id": backend_id, "parent_id": volume.id}
    await resources.change(tx, image, **place)
    await realizations.need(tx, image, [(Kind.VOLUME, helper.id)])
    await realizations.want(tx, Kind.IMAGE, image.id, backend_id, now)
    return {
        COPY: {"image": image.id, "zone": source.availability_zone, "step": 1},
        COPIED: facts.get("volume_image_metadata", {}),
        BOOTABLE: facts.get("bootable", "false"),
    }


async def bring(tx: Transaction, volume: Resource, image: Resource, now: datetime) -> None:
    """The image is whole where it was made: now the new volume needs it in its own zone."""
    there = volume.spec[MOVING]["backend"] if MOVING in volume.spec else str(volume.backend_id)
    await realizations.forget_needs(tx, Kind.IMAGE, image.id)
    await realizations.need(tx, volume, [(Kind.IMAGE, image.id)])
    await realizations.want(tx, Kind.VOLUME, volume.id, there, now)
    await realizations.changed(tx, Kind.VOLUME, volume.id, now)


async def directly(tx: Transaction, volume: Resource) -> None:
    """Some backends make no volume of one in use: the image is made of the volume itself."""
    for image in await resources.children(tx, Kind.IMAGE, volume.id):
        await resources.change(tx, image, spec={**image.spec, OF_VOLUME: volume.id})
        await realizations.forget_needs(tx, Kind.IMAGE, image.id)
        await realizations.need(tx, image, [(Kind.VOLUME, volume.id)])


def told(volume: Resource) -> dict[str, str]:
    """How far a copy is, as an item of the new volume's metadata."""
    copy = volume.spec.get(COPY)
    if copy is None:
        return {}
    words = STEPS[copy["step"] - 1].format(zone=copy["zone"], size=copy.get("size"))
    return {COPY: f"{copy['step']}/{len(STEPS)}: {words}"}


async def clear(tx: Transaction, volume: Resource, now: datetime) -> None:
    """The helpers are needed no more: away with them, and with what the backends have of them."""
    for image in await resources.children(tx, Kind.IMAGE, volume.id):
        if not image.deleting:
            await realizations.forget_needs(tx, Kind.IMAGE, image.id)
            await images.remove(tx, image, now)
    for helper in await resources.children(tx, Kind.VOLUME, volume.id):
        if helper.deleting:
            continue
        await realizations.forget_needs(tx, Kind.VOLUME, helper.id)
        await resources.change(tx, helper, deleting=True, status="deleting", updated_at=now)
        if not await realizations.unwant(tx, Kind.VOLUME, helper.id, now):
            await resources.remove(tx, Kind.VOLUME, helper.id)


def is_helper(resource: Resource) -> bool:
    """Whether it is there only for a copy."""
    return resource.project_id == PROJECT
