"""Images on backends: a record with our mark, then its bytes, copied from a backend that has them.

An upload by the tenant is not done here: the image API works on that realization under a lease of its own, and only
when that lease has run out does this file see a saving image, and puts it back to queued.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from vregion.drivers import image_data as stream
from vregion.drivers.contract import Observed, Permanent, Transient
from vregion.model.resource import Kind, Resource, State
from vregion.reconcile.recipe import Recipe, References
from vregion.reconcile.work import Work
from vregion.region import image_copies, image_data, image_imports, images, volume_creates

UNFINISHED = ("queued", "saving", "importing", "uploading", "killed")


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Glance's create body. An image that the backend itself was to make is never made by us."""
    made_there = resource.spec.get(images.MADE_THERE) and resource.status in ("queued", "saving")
    if made_there and (Kind.SERVER, resource.spec.get(images.OF_SERVER)) in references:
        return {}
    if made_there and images.OF_VOLUME in resource.spec:
        volume = references.get((Kind.VOLUME, resource.spec[images.OF_VOLUME]))
        if volume is None:
            raise Permanent("it is made of another volume since a moment ago", 409)
        return {"volume": volume, **{name: resource.spec[name] for name in ("disk_format", "container_format")}}
    if made_there:
        raise Permanent("the availability zone did not make this image")
    return images.record(resource)


def update(resource: Resource, references: References) -> dict[str, Any] | None:
    """Properties decide how a server boots, so our copies have them too; a registered image is not ours to change."""
    if resource.spec.get(images.REGISTERED):
        return None
    fixed = ("disk_format", "container_format", "visibility")
    wanted = {name: value for name, value in images.record(resource).items() if name not in fixed}
    return wanted | dict.fromkeys(resource.spec.get(images.REMOVED, []))


async def make(work: Work, image: Resource, body: dict[str, Any]) -> Observed:
    """Glance's create. What Nova made of a server when it shelved it is there, and is found by the server."""
    server = work.references.get((Kind.SERVER, image.spec.get(images.OF_SERVER, "")))
    if server is None:
        return await work.collection.create(image.id, body)
    if (observed := await work.driver.shelved_image(server)) is None:
        raise Permanent("the availability zone has no image of the shelved server")
    return observed


async def fill(work: Work, observed: Observed) -> Observed:
    """Bring the bytes here, unless they are."""
    image = work.resource
    assert image is not None
    if image.spec.get(images.MADE_THERE) and image.status in ("queued", "saving"):
        return observed
    if observed.document["status"] not in UNFINISHED:
        return observed
    if image.status == "queued" or image_data.unfinished(image):
        async with work.region.write() as tx:
            await image_data.upload_died(tx, image.id, work.now())
        return observed
    async with work.region.read() as tx:
        found = await image_data.sources(tx, image, but=work.realization.backend_id)
    if not found and (uri := _from_the_web(image)):
        return await _download(work, image, observed, uri)
    if not found:
        raise Permanent(f"no availability zone has the data of image {image.id} any more")
    if observed.document["status"] != "queued":
        observed = await _anew(work, image, observed.external_id)
    sources = [(partial(work.open_source, backend_id), external_id) for backend_id, external_id in found]
    async with image_data.kept(work.region, work.realization, work.now):
        chunks = _verified(stream.read(sources, image.spec["size"]), image)
        await work.driver.upload(observed.external_id, chunks, image.spec["size"])
    observed = await _checked(work, image, observed.external_id)
    async with work.region.write() as tx:
        await image_copies.shrink(tx, work.realization.backend_id, work.copies_ceiling, work.now())
    return observed


def _from_the_web(image: Resource) -> str | None:
    """The address to download from, when an import says so."""
    running = image.spec.get(image_imports.IMPORT)
    return running["uri"] if running and running["method"] == image_imports.WEB else None


async def _download(work: Work, image: Resource, observed: Observed, uri: str) -> Observed:
    """The bytes from the web into this zone. They are the image's as the zone counted and hashed them."""
    if observed.document["status"] != "queued":
        observed = await _anew(work, image, observed.external_id)
    digest = stream.Digest()
    async with image_data.kept(work.region, work.realization, work.now):
        await work.driver.upload(observed.external_id, digest.counted(work.web.read(uri)), None)
    observed = await work.collection.get(observed.external_id)
    facts = digest.facts()
    for name in ("size", "checksum"):
        if observed.settled and observed.document.get(name) not in (None, facts[name]):
            raise Permanent(f"the {name} of image {image.id} is not that of what was downloaded")
    return observed


async def _anew(work: Work, image: Resource, external_id: str) -> Observed:
    """An upload that was cut off left a record that takes no bytes any more: another record takes its place."""
    await work.collection.delete(external_id)
    await work.save(external_id=None, state=State.CREATING)
    observed = await work.collection.create(image.id, images.record(image))
    await work.save(external_id=observed.external_id, state=State.PROGRESSING)
    return observed


async def _verified(chunks: AsyncIterator[bytes], image: Resource) -> AsyncIterator[bytes]:
    """The bytes as they pass. Other bytes than the image's never become an image: the stream breaks before its end."""
    digest = stream.Digest()
    async for chunk in chunks:
        digest.add(chunk)
        if digest.size == image.spec["size"]:
            _compare(digest.facts(), image)
        yield chunk
    _compare(digest.facts(), image)


def _compare(facts: dict[str, Any], image: Resource) -> None:
    names = ["size", "checksum"] + (["os_hash_value"] if image.spec["os_hash_algo"] == "sha512" else [])
    for name in names:
        if image.spec[name] is not None and facts.get(name) != image.spec[name]:
            raise Transient(f"{name} of image {image.id} is {facts.get(name)}, not {image.spec[name]}")


async def _checked(work: Work, image: Resource, external_id: str) -> Observed:
    """What arrived, by the backend's own account."""
    observed = await work.collection.get(external_id)
    if observed.settled and observed.document.get("checksum") is not None:
        _compare({n: observed.document.get(n) for n in ("size", "checksum", "os_hash_value")}, image)
    return observed


RECIPE = Recipe(
    kind=Kind.IMAGE,
    body=body,
    update=update,
    make=make,
    fill=fill,
    settled=volume_creates.image_seen,
    stopped=volume_creates.image_stopped,
    lost=image_imports.lost,
    vanished=images.vanished,
    recreate=True,
)
