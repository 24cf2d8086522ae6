"""Images: create, list, show, update by JSON patch, delete, deactivate and reactivate.

Documents are sent as they are stored; a list is one query.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson

from vregion.api.http import Call, Reply, Routes
from vregion.api.image import bodies, image_filters, image_locations, patch
from vregion.api.image.info import METHODS
from vregion.api.schemas.image.images import BODY
from vregion.model.refusals import Forbidden, Invalid, NotFound
from vregion.model.resource import Kind
from vregion.region import images, resources
from vregion.region.resources import Query

routes = Routes()
_LARGEST = 0x7FFFFFFF

NEVER_SENT = ("direct_url", "self", "file", "schema", "stores")
READ_ONLY = frozenset({*NEVER_SENT, "created_at", "updated_at", "status", *images.FACTS})
RESERVED = frozenset({"location", "deleted", "deleted_at"})


@routes.post("/images", policy="add_image")
async def create(call: Call) -> Reply:
    """A queued image."""
    body = bodies.parsed(call)
    if not isinstance(body, dict):
        raise Invalid("Body expected in request.")
    for name in NEVER_SENT:
        if name in body:
            raise Forbidden(f"Attribute '{name}' is read-only.")
    checked(call, body)
    for name in body:
        writable(name)
    if "locations" in body:
        raise Forbidden("It's not allowed to add locations if locations are invisible.")
    may_own(call, body)
    async with call.region.write() as tx:
        image = await images.create(tx, call.caller, body, datetime.now(UTC))
    zones = ",".join(zone.availability_zone for zone in await call.use.directory.bindings(call.region.id))
    told = {"OpenStack-image-import-methods": ",".join(METHODS), "OpenStack-image-store-ids": zones}
    return Reply(image.document, 201, {"Location": f"{call.base}/images/{image.id}", **told})


@routes.get("/images", policy="get_images")
async def index(call: Call) -> Reply:
    """One page, with Glance's links to the first and the next."""
    query = call.query
    limit = bodies.limit(call)
    filters, shared = image_filters.parse(call)
    marker = bodies.first(call, "marker", None)
    asked = Query(Kind.IMAGE, call.project_id, filters, image_filters.sort(query), limit, marker, shared)
    async with call.region.read() as tx:
        if marker is not None and await resources.find(tx, Kind.IMAGE, marker) is None:
            raise Invalid(images.no_image(marker).message)
        found = await resources.list_resources(tx, asked)
    links = [("first", bodies.page(call, "/v2/images")), ("schema", "/v2/schemas/images")]
    if found and len(found) == limit:
        links.append(("next", bodies.page(call, "/v2/images", found[-1].id)))
    tail = "".join(f',"{name}":{orjson.dumps(href).decode()}' for name, href in links)
    return Reply(b'{"images":[' + b",".join(image.document for image in found) + b"]" + tail.encode() + b"}")


@routes.get("/images/{image_id}", policy="get_image")
async def show(call: Call) -> Reply:
    """The document."""
    async with call.region.read() as tx:
        return Reply((await images.visible(tx, call.path["image_id"], call.project_id)).document)


@routes.add("PATCH", "/images/{image_id}", policy="modify_image")
async def update(call: Call) -> Reply:
    """A JSON patch of either draft; all of it or nothing."""
    changes = patch.parse(call)
    for change in changes:
        writable(change.path[0])
        if change.name == "id":
            raise Forbidden("Attribute 'id' is read-only.")
        if change.op != "remove" and len(change.path) == 1:
            checked(call, {change.name: change.value})
    locations = [change for change in changes if change.name == "locations"]
    for change in locations:
        await image_locations.patched(call, change)
    async with call.region.write() as tx:
        image = await images.own(tx, call.caller, call.path["image_id"], "modify_image")
        spec = dict(image.spec)
        for change in changes:
            if change not in locations:
                _apply(change, spec)
        may_own(call, {name: spec[name] for name in ("visibility", "owner") if spec[name] != image.spec[name]})
        if len(locations) < len(changes):
            spec["tags"] = sorted(set(spec["tags"]))
            image = await images.update(tx, image, spec, datetime.now(UTC))
    return Reply(image.document)


@routes.delete("/images/{image_id}", policy="delete_image")
async def delete(call: Call) -> Reply:
    """Gone at once; its copies in the zones follow."""
    bodies.refused(call)
    async with call.region.write() as tx:
        with absent_as("Failed to find image {} to delete", call):
            image = await images.own(tx, call.caller, call.path["image_id"], "delete_image")
        await images.delete(tx, image, datetime.now(UTC))
    return Reply(status=204)


@routes.post("/images/{image_id}/actions/deactivate", policy="deactivate")
async def deactivate(call: Call) -> Reply:
    """Its bytes can be neither read nor booted."""
    return await _set_status(call, "deactivated")


@routes.post("/images/{image_id}/actions/reactivate", policy="reactivate")
async def reactivate(call: Call) -> Reply:
    """The other way."""
    return await _set_status(call, "active")


async def _set_status(call: Call, status: str) -> Reply:
    bodies.refused(call)
    async with call.region.write() as tx:
        image = await images.own(tx, call.caller, call.path["image_id"], "modify_image")
        await images.set_status(tx, image, status, datetime.now(UTC))
    return Reply(status=204)


@contextmanager
def absent_as(words: str, call: Call) -> Iterator[None]:
    """Some operations have words of their own for an image that is not there; `{}` is its id. Raises NotFound."""
    try:
        yield
    except NotFound as absent:
        raise NotFound(words.format(call.path["image_id"])) from absent


def checked(call: Call, body: Mapping[str, Any]) -> None:
    """Raises Invalid in Glance's words (glance 33.0.0 common/exception.py InvalidObject)."""
    bodies.matches(call, BODY, "image", body)
    for name in ("min_disk", "min_ram"):
        if body.get(name, 0) < 0:
            raise Invalid(f"Invalid value '{body[name]}' for parameter '{name}': Cannot be a negative value")
    for name in ("min_disk", "min_ram"):
        if body.get(name, 0) > _LARGEST:
            raise Invalid(f"'{name}' value out of range, must not exceed {_LARGEST}.")
    if any(len(name) > 255 for name in body):
        raise Invalid("Custom property should not be greater than 255 characters.")


def writable(name: str) -> None:
    """Raises Forbidden for what only Glance, or vregion, writes."""
    if name in READ_ONLY:
        raise Forbidden(f"Attribute '{name}' is read-only.")
    if name in RESERVED or name.startswith(("os_glance", images.INTERNAL)):
        raise Forbidden(f"Attribute '{name}' is reserved.")


def may_own(call: Call, wanted: Mapping[str, Any]) -> None:
    """Who may publish, and for whom."""
    for visibility, rule in (("public", "publicize_image"), ("community", "communitize_image")):
        if wanted.get("visibility") == visibility and not call.policy.check(rule, call.caller):
            raise Forbidden(f"You are not authorized to complete {rule} action.")
    if not call.caller.is_admin and wanted.get("owner", call.project_id) != call.project_id:
        raise Forbidden(f"You are not permitted to create images owned by '{wanted['owner']}'.")


def _apply(change: patch.Change, spec: dict[str, Any]) -> None:
    """One step on the spec (glance 33.0.0 api/v2/images.py _do_add, _do_replace, _do_remove)."""
    name = change.name
    if change.op == "remove":
        if name in images.BASE:
            raise Forbidden("Access was denied to this resource.", detail=f"Property {name} may not be removed.")
        if name not in spec:
            raise patch.absent(name)
        del spec[name]
        return
    if change.op == "replace" and name not in spec:
        raise patch.absent(name)
    if change.op == "add" and name in spec and change.draft == 4:
        raise patch.present(name)
    spec[name] = change.value
