"""Nova's old view of images: list and show until 2.35, their metadata until 2.38. The rows are Glance's."""

from datetime import UTC, datetime
from typing import Any

from vregion.api.compute import requests
from vregion.api.compute.links import LONGEST_PAGE, asked, links, listed, next_page
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import proxies as schema
from vregion.model.refusals import Forbidden, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import images, resources
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

routes = Routes()
_RULE = "os_compute_api:images"  # Nova has none here: Glance tells who may change what
_CHANGE = f"{_RULE}:change"
RULES = {_RULE: "any", _CHANGE: "member"}

_STATUS = {"active": "ACTIVE", "queued": "SAVING", "saving": "SAVING", "importing": "SAVING", "killed": "ERROR"}
_PROGRESS = {"queued": 25, "saving": 50, "importing": 50, "active": 100}


@routes.get("/images", policy=_RULE, until="2.35")
async def index(call: Call) -> Reply:
    """Names and links."""
    found = await _page(call)
    items = [_brief(call, image) for image in found]
    return Reply(listed(call, "images", items, next_page(call, "images", [image.id for image in found])))


@routes.get("/images/detail", policy=_RULE, until="2.35")
async def detail(call: Call) -> Reply:
    """Everything that Nova shows."""
    found = await _page(call)
    items = [_document(call, image) for image in found]
    return Reply(listed(call, "images", items, next_page(call, "images/detail", [image.id for image in found])))


@routes.get("/images/{id}", policy=_RULE, until="2.35")
async def show(call: Call) -> Reply:
    """One."""
    async with call.region.read() as tx:
        return Reply({"image": _document(call, await _visible(tx, call))})


@routes.delete("/images/{id}", policy=_RULE, until="2.35")
async def delete(call: Call) -> Reply:
    """As Glance does it, in Nova's words."""
    async with call.region.write() as tx:
        await _visible(tx, call)
        try:
            await images.delete(tx, await _own(tx, call, "delete_image"), datetime.now(UTC))
        except Forbidden as refused:
            raise Forbidden("You are not allowed to delete the image.") from refused
    return Reply(status=204)


@routes.get("/images/{id}/metadata", policy=_RULE, until="2.38")
async def metadata(call: Call) -> Reply:
    """Its properties."""
    async with call.region.read() as tx:
        return Reply({"metadata": images.properties(await _visible(tx, call))})


@routes.get("/images/{id}/metadata/{key}", policy=_RULE, until="2.38")
async def meta(call: Call) -> Reply:
    """One of them."""
    async with call.region.read() as tx:
        known = images.properties(await _visible(tx, call))
    if call.path["key"] not in known:
        raise NotFound("The resource could not be found.")
    return Reply({"meta": {call.path["key"]: known[call.path["key"]]}})


@routes.post("/images/{id}/metadata", policy=_RULE, until="2.38")
async def add_metadata(call: Call) -> Reply:
    """Set some, keep the others."""
    return Reply({"metadata": await _write(call, requests.body(call, schema.IMAGE_METADATA)["metadata"], keep=True)})


@routes.put("/images/{id}/metadata", policy=_RULE, until="2.38")
async def replace_metadata(call: Call) -> Reply:
    """These, and no others."""
    return Reply({"metadata": await _write(call, requests.body(call, schema.IMAGE_METADATA)["metadata"], keep=False)})


@routes.put("/images/{id}/metadata/{key}", policy=_RULE, until="2.38")
async def set_meta(call: Call) -> Reply:
    """One of them."""
    wanted = requests.body(call, schema.IMAGE_META)["meta"]
    if call.path["key"] not in wanted:
        raise Invalid("Request body and URI mismatch")
    await _write(call, wanted, keep=True)
    return Reply({"meta": wanted})


@routes.delete("/images/{id}/metadata/{key}", policy=_RULE, until="2.38")
async def delete_meta(call: Call) -> Reply:
    """One of them."""
    async with call.region.write() as tx:
        image = await _visible(tx, call)
        if call.path["key"] not in images.properties(image):
            raise NotFound("Invalid metadata key")
        await _own(tx, call, "modify_image")
        spec = {name: value for name, value in image.spec.items() if name != call.path["key"]}
        await images.update(tx, image, spec, datetime.now(UTC))
    return Reply(status=204)


async def _write(call: Call, wanted: dict[str, str], *, keep: bool) -> dict[str, str]:
    """The properties as they are now."""
    if taken := [name for name in wanted if name in images.BASE or name.startswith(images.INTERNAL)]:
        raise Forbidden(f"Attribute '{taken[0]}' is reserved.")
    async with call.region.write() as tx:
        image = await _visible(tx, call)
        await _own(tx, call, "modify_image")
        known = images.properties(image)
        spec = {name: value for name, value in image.spec.items() if keep or name not in known}
        return images.properties(await images.update(tx, image, spec | wanted, datetime.now(UTC)))


async def _visible(tx: Transaction, call: Call) -> Resource:
    try:
        return await images.visible(tx, call.path["id"], call.project_id)
    except NotFound as lacking:
        raise NotFound("Image not found.") from lacking


async def _own(tx: Transaction, call: Call, rule: str) -> Resource:
    """One that the caller may change. Raises Forbidden in Nova's words."""
    try:
        call.enforce(_CHANGE)
        return await images.own(tx, call.caller, call.path["id"], rule)
    except Forbidden as refused:
        raise Forbidden(f"Not authorized for image {call.path['id']}.") from refused


async def _page(call: Call) -> list[Resource]:
    schema.IMAGES.check(asked(call), call.microversion)
    size = min(int(call.query.get("page_size", LONGEST_PAGE)), int(call.query.get("limit", LONGEST_PAGE)), LONGEST_PAGE)
    shared = images.listed_for(call.project_id, None, "accepted")
    marker = call.query.get("marker")
    query = Query(Kind.IMAGE, call.project_id, _filters(call), limit=size, marker=marker, shared=shared)
    async with call.region.read() as tx:
        if marker is not None and await resources.find(tx, Kind.IMAGE, marker) is None:
            raise Invalid(f"HTTP 400 Bad Request: {images.no_image(marker).message}")
        return await resources.list_resources(tx, query)


def _filters(call: Call) -> list[Filter]:
    """Nova hands these to Glance, which takes sizes as equal and ignores what is no number."""
    found = [Filter("deleting", False), Filter("spec.os_hidden", False)]
    for name, value in call.query.items():
        if name == "name":
            found.append(Filter("name", value))
        elif name == "status":
            found.append(Filter("status", value.lower()))
        elif name == "changes-since":
            found.append(Filter("updated_at", _time(value), "ge"))
        elif name in ("minRam", "minDisk") and value.isdecimal():
            found.append(Filter(f"spec.min_{name[3:].lower()}", int(value)))
        elif name in ("server", "type"):
            field = "instance_uuid" if name == "server" else "image_type"
            found.append(Filter(f"spec.{field}", value.rpartition("/")[2]))
        elif name.startswith("property-"):
            found.append(Filter(f"spec.{name.removeprefix('property-')}", value))
    return found


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as wrong:
        words = "Bad &quot;updated_at&quot; query filter format. Use ISO 8601 DateTime notation."
        raise Invalid(f"HTTP 400 Bad Request: {words}") from wrong
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _brief(call: Call, image: Resource) -> dict[str, Any]:
    place = f"{call.use.settings.public_url}/image/images/{image.id}"
    alternate = {"rel": "alternate", "type": "application/vnd.openstack.image", "href": place}
    return {"id": image.id, "name": image.spec["name"], "links": [*links(call, "images", image.id), alternate]}


def _document(call: Call, image: Resource) -> dict[str, Any]:
    properties = images.properties(image)
    told = _brief(call, image) | {
        "minRam": image.spec["min_ram"],
        "minDisk": image.spec["min_disk"],
        "metadata": properties,
        "created": image.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "updated": image.updated_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "status": _STATUS.get(image.status, "UNKNOWN"),
        "progress": _PROGRESS.get(image.status, 0),
        "OS-EXT-IMG-SIZE:size": image.spec["size"],
    }
    if (server_id := properties.get("instance_uuid")) is not None:
        told["server"] = {"id": server_id, "links": links(call, "servers", server_id)}
    if (automatic := properties.get("auto_disk_config")) is not None:
        told["OS-DCF:diskConfig"] = "AUTO" if automatic.lower() in ("1", "t", "true", "on", "y", "yes") else "MANUAL"
    return told
