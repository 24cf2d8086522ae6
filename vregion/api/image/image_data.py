"""An image's bytes: upload to a zone and download from one, as streams. Nothing is kept here, not even a chunk.

An upload goes to the tenant's default zone, or to the one that X-Image-Meta-Store names. Its realization is ours while
it lasts; when it fails, the image is queued again.
"""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect

from vregion.api.http import Call, Reply, Routes, body_chunks
from vregion.drivers import image_data as stream
from vregion.drivers.contract import Driver, DriverError, Exhausted, Gone, Observed, Permanent, Transient
from vregion.model.backend import Binding
from vregion.model.refusals import Conflict, Forbidden, Invalid, Refusal, Unavailable
from vregion.model.resource import Kind, Realization, Resource, State
from vregion.region import image_data, images, leases
from vregion.region.leases import LeaseLost

routes = Routes()
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_NO_RANGE = "The Range requested is not available."


@routes.put("/images/{image_id}/file", policy="upload_image", streams=True)
async def upload(call: Call) -> Reply:
    """The intent, the record in the zone, the bytes, and what they were."""
    return await _receive(call, "saving")


@routes.put("/images/{image_id}/stage", policy="modify_image", streams=True)
async def stage(call: Call) -> Reply:
    """The same; but the image is not active before the import of what was staged."""
    return await _receive(call, "uploading")


async def _receive(call: Call, status: str) -> Reply:
    kind = call.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/octet-stream":
        words = f"The request media type {kind} is not supported by this server. Invalid content type {kind}"
        raise Refusal(words, status=415)
    size = _announced(call)
    zone = await chosen_zone(call)
    place = (zone.availability_zone, zone.backend_id)
    async with call.region.write() as tx:
        begun = image_data.begin_upload(tx, call.caller, call.path["image_id"], place, _now(), status, size)
        image, realization = await begun
    try:
        facts = await _store(call, image, realization, size)
    except BaseException as trouble:
        async with call.region.write() as tx:
            await image_data.upload_failed(tx, image.id, realization, _now())
        refusal = _refusal(trouble, zone)
        if refusal is None:
            raise
        raise refusal from trouble
    async with call.region.write() as tx:
        if not await image_data.uploaded(tx, image.id, realization, facts, _now()):
            raise Refusal(f"Image {image.id} could not be found after upload. It was deleted meanwhile.", status=410)
    return Reply(status=204)


@routes.get("/images/{image_id}/file", policy="download_image")
async def download(call: Call) -> Reply:
    """From a zone that has it; should that one break off, from where it stopped, and then from another."""
    async with call.region.read() as tx:
        image = await images.visible(tx, call.path["image_id"], call.project_id)
        found = await image_data.sources(tx, image)
    if image.status == "deactivated" and not call.caller.is_admin:
        raise Forbidden("The requested image has been deactivated. Image data download is forbidden.")
    if image.status not in ("active", "deactivated") or not found:
        return Reply(status=204)
    size = int(image.spec["size"])
    start, end = asked_range(call.headers.get("range", ""), size)
    headers = {"Content-Length": str(end - start), "Accept-Ranges": "bytes"}
    if (start, end) != (0, size):
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    elif image.spec["checksum"]:
        headers["Content-MD5"] = image.spec["checksum"]
    status = 206 if "Content-Range" in headers else 200
    if call.request.method == "HEAD" or start == end:
        return Reply(b"", status, headers, "application/octet-stream")
    sources = [(partial(_driver, call, backend_id), external_id) for backend_id, external_id in found]
    chunks = stream.read(sources, size, start)
    try:
        first = await anext(chunks)
    except Transient as ill:
        raise Unavailable(f"No availability zone that has image {image.id} answers: {ill.message}") from ill
    return Reply(_bounded(first, chunks, end - start), status, headers, "application/octet-stream")


async def chosen_zone(call: Call) -> Binding:
    """The zone that X-Image-Meta-Store names, else the tenant's default. Raises Invalid, or Unavailable without one."""
    zones = await call.use.directory.bindings(call.region.id)
    usable = [zone for zone in zones if zone.state == "enabled"]
    named = call.headers.get("x-image-meta-store")
    if named:
        for zone in usable:
            if zone.availability_zone == named:
                return zone
        raise Invalid(f"Selected store {named} not available.")
    if not usable:
        raise Unavailable("This region has no availability zone that takes images.")
    return next((zone for zone in usable if zone.default), usable[0])


def asked_range(header: str, size: int) -> tuple[int, int]:
    """First byte and the one behind the last. Raises 416, also for what is no range (glance 33.0.0 common/wsgi.py)."""
    if not header:
        return 0, size
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        raise Refusal(f"{_NO_RANGE} Invalid Range header.", status=416)
    if not found[1]:
        return max(0, size - int(found[2])), size
    start, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
    if start >= size or start >= end:
        raise Refusal(
            f"{_NO_RANGE} Invalid start position in Range header. Start position MUST be in the inclusive range "
            f"[0, {size - 1}].",
            status=416,
        )
    return start, end


async def _store(call: Call, image: Resource, realization: Realization, size: int | None) -> dict[str, Any]:
    """Record and bytes in the zone; the facts of the bytes, which the backend's own account must bear out."""
    backends, backend_id = call.use.backends, realization.backend_id
    digest = stream.Digest()
    opened = await backends.open(call.region.id, backend_id)
    async with backends.call(backend_id), image_data.kept(call.region, realization, _now):
        seen = await _record(call, opened.driver, image, realization)
        await opened.driver.upload(seen.external_id, _counted(call, digest), size)
        seen = await opened.driver.collections[Kind.IMAGE].get(seen.external_id)
    facts = digest.facts()
    _agree(image, facts, seen)
    return facts | {"virtual_size": seen.document.get("virtual_size")}


async def _record(call: Call, driver: Driver, image: Resource, realization: Realization) -> Observed:
    """A queued record with our mark in the backend: a leftover of an upload that failed gives way to a new one."""
    collection = driver.collections[Kind.IMAGE]
    if realization.external_id is not None:
        await collection.delete(realization.external_id)
    elif realization.state is not State.PENDING:
        left = await collection.find(image.id)
        if left is not None:
            await collection.delete(left.external_id)
    await _save(call, realization, external_id=None, state=State.CREATING)
    seen = await collection.create(image.id, images.record(image))
    await _save(call, realization, external_id=seen.external_id, state=State.PROGRESSING)
    return seen


async def _save(call: Call, realization: Realization, **columns: object) -> None:
    async with call.region.write() as tx:
        await leases.save(tx, realization, **columns)


async def _counted(call: Call, digest: stream.Digest) -> AsyncIterator[bytes]:
    """The body as it comes. A client that goes away ends the upload as one that is refused."""
    try:
        async for chunk in body_chunks(call.request):
            digest.add(chunk)
            yield chunk
    except ClientDisconnect as gone:
        raise Permanent("The client went away before the end of the image.") from gone


def _agree(image: Resource, facts: Mapping[str, Any], seen: Observed) -> None:
    if seen.document.get("status") != "active":
        raise Permanent(f"The image is {seen.document.get('status')} after the upload.")
    for name in ("size", "checksum"):
        told = seen.document.get(name)
        if told is not None and told != facts[name]:
            raise Permanent(f"The {name} of image {image.id} is {told} in its zone, and {facts[name]} were sent.")


def _refusal(trouble: BaseException, zone: Binding) -> Refusal | None:
    """What the caller is told, if it is anything of a backend's."""
    name = zone.availability_zone
    match trouble:
        case Transient() | Gone():
            return Unavailable(f"Availability zone {name} did not take the image: {trouble.message}")
        case Exhausted():
            return Refusal(trouble.message, status=413)
        case Permanent():
            return Refusal(trouble.message, status=trouble.status)
        case LeaseLost():
            return Conflict("The upload took too long between two chunks and was given up.")
        case LookupError():
            return Unavailable(f"Availability zone {name} is not bound any more.")
    return None


async def _bounded(first: bytes, rest: AsyncIterator[bytes], length: int) -> AsyncIterator[bytes]:
    """Exactly so many bytes."""
    left = length - len(first)
    yield first[:length]
    while left > 0:
        try:
            chunk = await anext(rest)
        except StopAsyncIteration:
            return
        except DriverError as broken:
            raise ClientDisconnect from broken
        yield chunk[:left]
        left -= len(chunk)


async def _driver(call: Call, backend_id: str) -> Driver:
    try:
        return (await call.use.backends.open(call.region.id, backend_id)).driver
    except LookupError as unbound:
        raise Transient("its zone is not bound any more") from unbound


def _announced(call: Call) -> int | None:
    text = call.headers.get("x-openstack-image-size") or call.headers.get("content-length")
    if text is None:
        return None
    if not text.isdecimal():
        raise Invalid("Invalid or missing image size in request headers.")
    return int(text)


def _now() -> datetime:
    return datetime.now(UTC)
