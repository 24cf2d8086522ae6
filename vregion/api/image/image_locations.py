"""Locations: an image that a zone's backend has already becomes a tenant's image without a copy (register).

The URL is `vregion://ZONE/ID`, ID being the image's own id in that backend. An admin of the virtual region does it;
the backend is asked whether it shows the image to the region's credential, and only then is anything written down.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from vregion.api.http import Call, Reply, Routes
from vregion.api.image.bodies import parsed
from vregion.api.image.patch import Change
from vregion.api.schemas.image.images import ADD_LOCATION, VALIDATED
from vregion.drivers.contract import Gone, Observed, Permanent, Transient
from vregion.model.backend import Binding
from vregion.model.refusals import Forbidden, Invalid, Unavailable
from vregion.model.resource import Kind
from vregion.region import image_data, images

routes = Routes()


@routes.post("/images/{image_id}/locations", policy="set_image_location")
async def add(call: Call) -> Reply:
    """Glance 2.17's way."""
    body: Any = parsed(call)
    ADD_LOCATION.check(body, call.microversion)
    await _register(call, body["url"], body.get("validation_data", {}))
    return Reply(status=202)


@routes.get("/images/{image_id}/locations", policy="fetch_image_location")
async def index(call: Call) -> Reply:
    """Where it is, registered or copied."""
    zones = {zone.backend_id: zone.availability_zone for zone in await call.use.directory.bindings(call.region.id)}
    async with call.region.read() as tx:
        image = await images.visible(tx, call.path["image_id"], call.project_id)
        found = await image_data.sources(tx, image)
    named = [(zones.get(backend_id, backend_id), external_id) for backend_id, external_id in found]
    return Reply([{"url": f"vregion://{zone}/{i}", "metadata": {"store": zone}} for zone, i in named])


async def patched(call: Call, change: Change) -> None:
    """Glance's older way: an item added to `locations` by a JSON patch."""
    if not call.policy.check("set_image_location", call.caller):
        raise Forbidden("You are not authorized to complete set_image_location action.")
    if change.op != "add":
        raise Forbidden("It's not allowed to remove or replace locations if locations are invisible.")
    if not isinstance(change.value, dict) or not isinstance(change.value.get("url"), str):
        raise Invalid("Provided object does not match schema 'image': a location has a url and metadata")
    VALIDATED.check(given := change.value.get("validation_data", {}), call.microversion)
    await _register(call, change.value["url"], given)


async def _register(call: Call, url: str, given: Mapping[str, str]) -> None:
    wanted = _hash(given)
    zone, external_id = await _place(call, url)
    async with call.region.write() as tx:
        await images.own(tx, call.caller, call.path["image_id"], "set_image_location")
    seen = await _observed(call, zone, external_id)
    _compare(wanted, seen.document)
    place = (zone.availability_zone, zone.backend_id)
    async with call.region.write() as tx:
        image = await images.own(tx, call.caller, call.path["image_id"], "set_image_location")
        await image_data.register(tx, image, place, seen, datetime.now(UTC))


def _hash(given: Mapping[str, str]) -> tuple[str, str] | None:
    """Algorithm and value that the bytes shall have. Raises Invalid (glance 33.0.0 api/v2/images.py)."""
    value, algorithm = given.get("os_hash_value"), given.get("os_hash_algo", "sha512")
    if value is None:
        return None
    try:
        size = len(bytes.fromhex(value))
    except ValueError:
        raise Invalid(f"os_hash_value ({value}) is not a valid hexadecimal value") from None
    if size != (least := hashlib.new(algorithm).digest_size):
        words = f"is not the correct size for ({algorithm}) (should be ({least}) bytes)"
        raise Invalid(f"os_hash_value: ({value}) {words}")
    return algorithm, value


def _compare(wanted: tuple[str, str] | None, seen: Mapping[str, Any]) -> None:
    """What the zone says of the bytes is all that is known: they are not read. Raises Invalid."""
    if wanted is None:
        return
    algorithm, value = wanted
    if seen.get("os_hash_algo") != algorithm:
        known = seen.get("os_hash_algo") or "no hash"
        raise Invalid(f"os_hash_algo: the zone knows {known} of this image, not {algorithm}")
    if seen.get("os_hash_value") != value.lower():
        raise Invalid(f"os_hash_value: ({value}) not matched with actual os_hash_value: ({seen.get('os_hash_value')})")


async def _place(call: Call, url: str) -> tuple[Binding, str]:
    """The zone and the id in the URL. Raises Invalid."""
    parts = urlsplit(url)
    external_id = parts.path.strip("/")
    if parts.scheme == "vregion" and parts.netloc and external_id:
        for zone in await call.use.directory.bindings(call.region.id):
            if zone.availability_zone == parts.netloc and zone.state == "enabled":
                return zone, external_id
    raise Invalid(f"Invalid location {url}: it is vregion://ZONE/ID, with one of this region's zones.")


async def _observed(call: Call, zone: Binding, external_id: str) -> Observed:
    """The backend's image, active and whole. Raises Invalid, or Unavailable when the backend is silent."""
    name = zone.availability_zone
    try:
        opened = await call.use.backends.open(call.region.id, zone.backend_id)
        async with call.use.backends.call(zone.backend_id):
            seen = await opened.driver.collections[Kind.IMAGE].get(external_id)
    except Transient as ill:
        raise Unavailable(f"Availability zone {name} does not answer: {ill.message}") from ill
    except (Gone, Permanent) as unknown:
        raise Invalid(f"Availability zone {name} has no image {external_id}.") from unknown
    if seen.document.get("status") != "active" or not seen.document.get("size"):
        raise Invalid(f"Image {external_id} in availability zone {name} is not active.")
    return seen
