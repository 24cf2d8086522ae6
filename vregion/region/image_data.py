"""Where an image's bytes are: uploads, copies that a backend made itself, images that were there before (registered).

Called by the image API and by the live routes that make an image of a server or a volume. An upload works on its
realization under a lease of its own; when it dies, the lease runs out and the reconciler puts the image back to queued.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Invalid
from vregion.model.resource import Kind, Realization, Resource, State
from vregion.region import image_limits, images, leases, realizations, resources
from vregion.region.image_imports import STAGED
from vregion.region.leases import LeaseLost
from vregion.region.regions import Region, Transaction

LEASE = timedelta(seconds=150)
ADOPT_AFTER = timedelta(seconds=60)  # a backend that was asked to make an image has answered by then, or we look for it


async def begin_upload(
    tx: Transaction,
    caller: Caller,
    image_id: str,
    place: tuple[str, str],
    now: datetime,
    status: str = "saving",
    size: int | None = None,
) -> tuple[Resource, Realization]:
    """The image is saving, and its realization in that place (zone, backend) is ours. Raises what Glance answers.

    With status 'uploading' the bytes are staged: they lie in that zone, and are the image's only once it is imported.
    `size` is what was announced, in bytes.
    """
    zone, backend_id = place
    image = await images.own(tx, caller, image_id, "upload_image" if status == "saving" else "modify_image")
    limit = image_limits.SIZE if status == "saving" else image_limits.STAGE
    await image_limits.require(tx, caller.project_id, {limit: (size or 0) // image_limits.MIB})
    if image.status != "queued":
        raise Conflict(f"Image status transition from {image.status} to {status} is not allowed")
    if image.spec["disk_format"] is None or image.spec["container_format"] is None:
        raise Invalid("Properties disk_format, container_format must be set prior to saving data.")
    await realizations.want(tx, Kind.IMAGE, image.id, backend_id, now)
    realization = await leases.seize(tx, (Kind.IMAGE, image.id), backend_id, "upload", now, now + LEASE)
    if realization is None:
        raise Conflict(f"Image {image.id} is being uploaded, or an upload that failed is being cleaned up.")
    there = {"availability_zone": zone, "backend_id": backend_id}
    spec = image_limits.announced(image.spec, size or 0)
    image = await images.write(tx, image, now, status=status, spec=spec, **there)
    await image_limits.require(tx, caller.project_id, {image_limits.UPLOADING: 0})
    return image, realization


async def uploaded(
    tx: Transaction, image_id: str, realization: Realization, facts: Mapping[str, Any], now: datetime
) -> bool:
    """All bytes are there. False when the image was deleted meanwhile."""
    await resources.lock(tx, Kind.IMAGE, image_id)
    image = await images.present(tx, image_id)
    if image is None:
        await leases.finish(tx, realization, now)
        tx.ring = True
        return False
    await leases.finish(tx, realization, None, state=State.READY, generation=image.generation, attempts=0)
    if image.status == "uploading":
        staged = {"size": facts["size"], STAGED: dict(facts)}
        await images.write(tx, image, now, spec=image_limits.announced(image.spec, None) | staged)
        return True
    stores = {realization.backend_id: str(image.availability_zone)}
    spec = image_limits.announced(image.spec, None) | dict(facts) | {images.STORES: stores}
    await images.write(tx, image, now, status="active", spec=spec)
    return True


async def upload_failed(tx: Transaction, image_id: str, realization: Realization, now: datetime) -> None:
    """Nothing is there: the image is queued again, and what the backend may have of it is removed."""
    with contextlib.suppress(LeaseLost):
        await leases.finish(tx, realization, now, wanted=False)
    await upload_died(tx, image_id, now)
    tx.ring = True


async def upload_died(tx: Transaction, image_id: str, now: datetime) -> None:
    """A saving image that nobody saves any more is queued again (glance 33.0.0 api/v2/image_data.py _restore)."""
    image = await images.present(tx, image_id)
    if image is not None and unfinished(image):
        spec = image_limits.announced(image.spec, None)
        await images.write(tx, image, now, status="queued", spec=spec, availability_zone=None, backend_id=None)
        await realizations.unwant(tx, Kind.IMAGE, image_id, now)


def unfinished(image: Resource) -> bool:
    """Whether its bytes are on their way from the tenant: saved, or staged."""
    return image.status == "saving" or (image.status == "uploading" and STAGED not in image.spec)


async def sources(tx: Transaction, image: Resource, but: str = "") -> list[tuple[str, str]]:
    """(backend, external id) of those that have the bytes, the image's home first."""
    found = await realizations.of_resource(tx, Kind.IMAGE, image.id)
    ready = [(r.backend_id, r.external_id) for r in found if r.state is State.READY and r.external_id and r.wanted]
    return sorted((s for s in ready if s[0] != but), key=lambda s: s[0] != image.backend_id)


async def register(
    tx: Transaction, image: Resource, place: tuple[str, str], observed: Observed, now: datetime
) -> Resource:
    """An active image that a backend has already becomes this one's bytes; it is never copied over, nor deleted."""
    if image.status not in ("queued", "active"):
        raise Conflict(f"It's not allowed to add locations if image status is {image.status}.")
    zone, backend_id = place
    seen = observed.document
    if image.status == "active" and image.spec["os_hash_value"] != seen.get("os_hash_value"):
        raise Conflict("os_hash_value is already set with a different value")
    await realizations.want(tx, Kind.IMAGE, image.id, backend_id, now)
    realization = await leases.seize(tx, (Kind.IMAGE, image.id), backend_id, "register", now, now + LEASE)
    if realization is None or realization.state is not State.PENDING:
        raise Conflict(f"Image {image.id} has data in {zone} already.")
    columns = {"external_id": observed.external_id, "state": State.READY, "generation": image.generation}
    await leases.finish(tx, realization, None, **columns)
    names = (*images.FACTS, "disk_format", "container_format")
    facts = {name: seen.get(name) for name in names}
    facts |= {n: max(image.spec[n], seen.get(n) or 0) for n in ("min_disk", "min_ram")}
    foreign = {**image.spec.get(images.REGISTERED, {}), backend_id: observed.external_id}
    home = {} if image.backend_id else {"availability_zone": zone, "backend_id": backend_id}
    spec = image.spec | facts | {images.REGISTERED: foreign}
    spec[images.STORES] = images.stores(image) | {backend_id: zone}
    return await images.write(tx, image, now, status="active", spec=spec, **home)


async def expect(
    tx: Transaction, caller: Caller, wanted: Mapping[str, Any], place: tuple[str, str], now: datetime
) -> Resource:
    """A backend will be asked to make an image (of a server, of a volume): the intent, before the call.

    The call gives the new image the property `vregion_id` = our id where it can: the mark by which it is found.
    """
    image = await images.create(tx, caller, {**wanted, images.MADE_THERE: True}, now)
    zone, backend_id = place
    await realizations.want(tx, Kind.IMAGE, image.id, backend_id, now)
    realization = await leases.seize(tx, (Kind.IMAGE, image.id), backend_id, "live", now, now + ADOPT_AFTER)
    assert realization is not None
    await leases.save(tx, realization, state=State.CREATING)
    return await images.write(tx, image, now, availability_zone=zone, backend_id=backend_id)


async def arrived(tx: Transaction, image: Resource, external_id: str, now: datetime) -> None:
    """The backend has begun to make it, under that id."""
    found = await realizations.on_backend(tx, Kind.IMAGE, image.id, str(image.backend_id))
    if found is not None:
        columns = {"external_id": external_id, "state": State.PROGRESSING, "generation": image.generation}
        await leases.finish(tx, found, now, **columns)
        tx.ring = True


async def refused(tx: Transaction, image: Resource, now: datetime) -> None:
    """The backend did not begin: as if nobody had asked."""
    for realization in await realizations.of_resource(tx, Kind.IMAGE, image.id):
        await leases.drop(tx, realization)
    await images.remove(tx, image, now)


@contextlib.asynccontextmanager
async def kept(region: Region, realization: Realization, now: Callable[[], datetime]) -> AsyncIterator[None]:
    """Renew the lease of a realization for as long as the block runs. A lost lease shows at the block's next write."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            async with region.write() as tx:
                await leases.renew(tx, realization, now() + LEASE)

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, LeaseLost):
            await task
