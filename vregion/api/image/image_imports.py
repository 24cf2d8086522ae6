"""Import: staged bytes become the image's, bytes come from the web, or an image goes to the stores of further zones.

The bytes move in the reconciler; here an import is checked and written down. The address of a download is looked up
before that, outside of the transaction.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.image import bodies
from vregion.api.image.images import checked, may_own, writable
from vregion.api.image.info import METHODS
from vregion.drivers.web import Refused, Web
from vregion.model.backend import Binding
from vregion.model.refusals import Conflict, Forbidden, Invalid, Unavailable
from vregion.model.resource import Resource
from vregion.region import image_imports, images
from vregion.region.image_imports import COPY, WEB, Import
from vregion.region.regions import Transaction

routes = Routes()


@routes.post("/images/{image_id}/import", policy="modify_image")
async def import_image(call: Call) -> Reply:
    """202; the image's properties and its tasks tell how it goes."""
    body = _body(call)
    method, uri = body["method"]["name"], body["method"].get("uri")
    async with call.region.write() as tx:
        image_imports.check(await _image(tx, call, method), method)
    targets = await _targets(call, body)
    if method == WEB:
        await _reachable(call, uri, "URI for web-download does not pass filtering")
    wanted = Import(method, uri, targets, body.get("all_stores_must_succeed", True), body)
    async with call.region.write() as tx:
        await image_imports.begin(tx, call.caller, await _image(tx, call, method), wanted, datetime.now(UTC))
    return Reply(b"", 202)


async def by_task(call: Call, given: Mapping[str, Any]) -> Resource:
    """Glance's older way: a new image with these properties, from an URL. The task. Raises Invalid."""
    uri, properties = given.get("import_from"), given.get("image_properties") or {}
    if not isinstance(uri, str) or not uri:
        raise Invalid(f"Invalid location: {uri}")
    await _reachable(call, uri, "URI for legacy import task does not pass filtering")
    if not given.get("import_from_format") or not isinstance(properties, dict):
        raise Invalid("Input does not contain 'import_from_format' field")
    checked(call, properties)
    for name in properties:
        writable(name)
    may_own(call, properties)
    wanted = Import(WEB, uri, await _targets(call, {}), True, given, "import")
    now = datetime.now(UTC)
    async with call.region.write() as tx:
        image = await images.create(tx, call.caller, properties, now)
        return await image_imports.begin(tx, call.caller, image, wanted, now)


def _body(call: Call) -> dict[str, Any]:
    """glance 33.0.0 api/v2/images.py _validate_import_body."""
    body = bodies.required(call)
    if not isinstance(body, dict) or not isinstance(body.get("method"), dict):
        raise Invalid("Import request requires a 'method' field.")
    if "name" not in body["method"]:
        raise Invalid("Import request requires a 'name' field.")
    if body["method"]["name"] not in METHODS:
        raise Invalid(f"Unknown import method name '{body['method']['name']}'.")
    for name in ("all_stores_must_succeed", "all_stores"):
        if not isinstance(body.get(name, True), bool):
            raise Invalid(f"'{name}' must be boolean value only")
    return body


async def _image(tx: Transaction, call: Call, method: str) -> Resource:
    """Copying is an admin's, everything else the owner's. The state of the image is told before that, as in Glance."""
    image_id = call.path["image_id"]
    image = await images.visible(tx, image_id, call.project_id)
    if method == COPY:
        image_imports.check(image, method)
        if not call.policy.check("copy_image", call.caller):
            raise Forbidden("You are not authorized to complete copy_image action.")
        return await images.hold(tx, image)
    return await images.own(tx, call.caller, image_id, "modify_image")


async def _targets(call: Call, body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The zones that shall have it, the default one first. Raises what `get_stores_from_request` of Glance does."""
    zones = [zone for zone in await call.use.directory.bindings(call.region.id) if zone.state == "enabled"]
    if not zones:
        raise Unavailable("This region has no availability zone that takes images.")
    header = call.headers.get("x-image-meta-store")
    if body.get("all_stores"):
        if "stores" in body or header:
            raise Invalid("All_stores parameter can't be used with x-image-meta-store header or stores parameter")
        named = [zone.availability_zone for zone in zones]
    elif "stores" in body:
        if header:
            raise Invalid("Stores parameter and x-image-meta-store header can't be both specified")
        named = _names(body["stores"])
    else:
        default = next((zone for zone in zones if zone.default), zones[0])
        named = [header or default.availability_zone]
    return _found(zones, named)


def _names(given: Any) -> list[str]:
    if not isinstance(given, list) or not given or not all(isinstance(name, str) for name in given):
        raise Invalid("'stores' must be a list of store identifiers")
    return given


def _found(zones: list[Binding], named: list[str]) -> list[tuple[str, str]]:
    known = {zone.availability_zone: zone for zone in zones}
    for name in named:
        if name not in known:
            raise Conflict(f"Store for identifier {name} not found")
    chosen = sorted({name: known[name] for name in named}.values(), key=lambda zone: not zone.default)
    return [(zone.backend_id, zone.availability_zone) for zone in chosen]


async def _reachable(call: Call, uri: Any, words: str) -> None:
    try:
        await Web.of(call.use.settings).reach(uri if isinstance(uri, str) else None)
    except Refused as refused:
        raise Invalid(f"{words}: {uri}") from refused
