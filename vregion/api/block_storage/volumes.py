"""Volumes: create, list, show, update, delete, and the summary of all of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.api.block_storage import listing, views
from vregion.api.block_storage.views import VOLUME, VOLUME_EXTENDED
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage.types import true
from vregion.api.schemas.block_storage.volumes import CREATE, UPDATE
from vregion.model.microversion import Microversion
from vregion.model.refusals import MALFORMED, Invalid, NotFound
from vregion.model.resource import Kind
from vregion.region import groups, resources, snapshots, volume_copies, volume_creates, volumes
from vregion.region.resources import Filter, Query

routes = Routes()

_KEPT = ("volume_type", "snapshot_id", "source_volid", "availability_zone", "group_id", "backup_id")
_FORCE = Microversion(3, 23)
HINTS = "OS-SCH-HNT:scheduler_hints"
_MULTIATTACH = (
    "multiattach parameter has been removed. The default behavior is to use multiattach enabled volume types. Contact "
    "your administrator to create a multiattach enabled volume type and use it to create multiattach volumes."
)


@routes.post("/volumes", policy="volume:create")
async def create(call: Call) -> Reply:
    """Written down; its zone is settled now: the one asked for, else its source's, else the tenant's default."""
    body = call.json()
    CREATE.check(body, call.microversion)
    wanted = _wanted(body)
    zones = await call.use.directory.bindings(call.region.id)
    async with call.region.write() as tx:
        if wanted["group_id"]:
            group = await groups.admit(tx, call.project_id, wanted["group_id"], wanted["volume_type"], zones)
            wanted["availability_zone"] = wanted["availability_zone"] or group.availability_zone
        volume = await volume_creates.create(tx, call.caller, wanted, zones, datetime.now(UTC))
    return Reply({"volume": views.one(call, volume.document, VOLUME, VOLUME_EXTENDED)}, 202)


@routes.get("/volumes", policy="volume:get_all")
async def index(call: Call) -> Reply:
    """Names and links."""
    async with call.region.read() as tx:
        found, tail, size = await listing.page(tx, call, listing.VOLUMES)
    shown = [views.one(call, volume.document, VOLUME) for volume in found]
    brief = [{name: volume[name] for name in ("id", "name", "links")} for volume in shown]
    links = listing.next_page(call, "volumes", found, size)
    return Reply({"volumes": brief} | tail | ({"volumes_links": links} if links else {}))


@routes.get("/volumes/detail", policy="volume:get_all")
async def detail(call: Call) -> Reply:
    """Documents in full."""
    async with call.region.read() as tx:
        found, tail = await listing.full(tx, call, listing.VOLUMES, "volumes")
    return Reply(views.page(call, "volumes", found, VOLUME, tail))


@routes.get("/volumes/summary", policy="volume:get_all", since="3.12")
async def summary(call: Call) -> Reply:
    """How many, how large, and since 3.36 the metadata of all. Filters are passed over, as Cinder does (29.0.0
    volume/api.py get_volume_summary).
    """
    listing.check_all_tenants(call)
    tenants = (Filter("project_id", volume_copies.PROJECT, "ne"),)
    async with call.region.read() as tx:
        found = await resources.list_resources(tx, Query(Kind.VOLUME, listing.scope(call), tenants))
    told: dict[str, Any] = {"total_count": len(found), "total_size": sum(volume.spec["size"] for volume in found)}
    if call.microversion >= Microversion(3, 36):
        metadata: dict[str, set[str]] = {}
        for volume in found:
            for name, value in volume.spec.get("metadata", {}).items():
                metadata.setdefault(name, set()).add(value)
        told["metadata"] = {name: sorted(values) for name, values in metadata.items()}
    return Reply({"volume-summary": told})


@routes.get("/volumes/{id}", policy="volume:get")
async def show(call: Call) -> Reply:
    """One document."""
    async with call.region.read() as tx:
        volume = await volumes.get(tx, call.path["id"], listing.whose(call))
    return Reply({"volume": views.one(call, volume.document, VOLUME)})


@routes.put("/volumes/{id}", policy="volume:update")
async def update(call: Call) -> Reply:
    """Name, description, metadata."""
    body = call.json()
    UPDATE.check(body, call.microversion)
    fields = named(body["volume"])
    async with call.region.write() as tx:
        volume = await volumes.get(tx, call.path["id"], listing.whose(call))
        volume = await volumes.update(tx, volume, fields, datetime.now(UTC))
    return Reply({"volume": views.one(call, volume.document, VOLUME, VOLUME_EXTENDED)})


@routes.delete("/volumes/{id}", policy="volume:delete")
async def delete(call: Call) -> Reply:
    """On its way out; `cascade` takes its snapshots along. By `force` (3.23) a zone's administrators alone delete."""
    cascade, now = listing.truth(call, "cascade"), datetime.now(UTC)
    force = call.microversion >= _FORCE and listing.truth(call, "force")
    async with call.region.write() as tx:
        volume = await volumes.get(tx, call.path["id"], listing.whose(call))
        if force:
            call.enforce("volume:force_delete")
        if cascade:
            await snapshots.delete_all_of(tx, volume, now)
        await volumes.delete(tx, volume, now, cascade=cascade)
    return Reply(status=202)


def named(given: Mapping[str, Any]) -> dict[str, Any]:
    """Name, description and metadata under their newer names, without white space around."""
    found: dict[str, Any] = {}
    for name in ("name", "description"):
        for key in (f"display_{name}", name):
            if key in given:
                found[name] = text = given[key].strip() if given[key] is not None else None
                if text is not None and len(text) > 255:
                    raise Invalid(f"Invalid input received: {name} has {len(text)} characters, more than 255.")
    if given.get("metadata") is not None:
        found["metadata"] = given["metadata"]
    return found


def _wanted(body: Mapping[str, Any]) -> dict[str, Any]:
    """The parsed request. Raises for what no zone can honour."""
    given = body["volume"]
    if not given:
        raise Invalid(MALFORMED)
    if given.get("multiattach") is not None and true(given["multiattach"]):
        raise Invalid(_MULTIATTACH)
    if given.get("consistencygroup_id"):
        raise NotFound(f"Group {given['consistencygroup_id']} could not be found.")
    size = given.get("size")
    kept = {name: given.get(name) for name in _KEPT}
    wanted = kept | named(given) | {"size": int(size) if size is not None else None, "scheduler_hints": body.get(HINTS)}
    return wanted | {"imageRef": given.get("imageRef") or given.get("image_id")}
