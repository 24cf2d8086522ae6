"""Snapshots: create, list, show, update, delete."""

from datetime import UTC, datetime

from vregion.api.block_storage import listing, views
from vregion.api.block_storage.views import SNAPSHOT, SNAPSHOT_EXTENDED
from vregion.api.block_storage.volumes import named
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage.snapshots import CREATE, UPDATE
from vregion.api.schemas.block_storage.types import true
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid, NotFound
from vregion.region import snapshots, volumes

routes = Routes()
_FORCE = (
    "Since microversion 3.66 the 'force' flag is invalid for this request. For backward compatability, however, when "
    "the 'force' flag is passed with a value evaluating to True, it is silently ignored."
)
_UNFORCED = Microversion(3, 66)  # from here on a volume in use needs no `force`, and `force: false` is refused


@routes.post("/snapshots", policy="volume:create_snapshot")
async def create(call: Call) -> Reply:
    """Written down, in the zone of its volume."""
    body = call.json()
    CREATE.check(body, call.microversion)
    given = body["snapshot"]
    force = true(given.get("force", False))
    if given["volume_id"] is None:
        raise NotFound("Volume None could not be found.")
    unforced = call.microversion >= _UNFORCED
    wanted = {**named(given), "volume_id": given["volume_id"], "force": force or unforced}
    async with call.region.write() as tx:
        await volumes.get(tx, given["volume_id"], call.project_id)
        if unforced and "force" in given and not force:
            raise Invalid(_FORCE)
        snapshot = await snapshots.create(tx, call.caller, wanted, datetime.now(UTC))
    return Reply({"snapshot": views.one(call, snapshot.document, SNAPSHOT, SNAPSHOT_EXTENDED)}, 202)


@routes.get("/snapshots", policy="volume:get_all_snapshots")
async def index(call: Call) -> Reply:
    """Documents without what Cinder's extensions add."""
    async with call.region.read() as tx:
        found, tail, size = await listing.page(tx, call, listing.SNAPSHOTS)
    hidden = (*SNAPSHOT_EXTENDED, "group_snapshot_id", "user_id", "consumes_quota")
    shown = [views.one(call, snapshot.document, SNAPSHOT, hidden) for snapshot in found]
    links = listing.next_page(call, "snapshots", found, size)
    return Reply({"snapshots": shown} | tail | ({"snapshots_links": links} if links else {}))


@routes.get("/snapshots/detail", policy="volume:get_all_snapshots")
async def detail(call: Call) -> Reply:
    """Documents in full."""
    async with call.region.read() as tx:
        found, tail = await listing.full(tx, call, listing.SNAPSHOTS, "snapshots")
    return Reply(views.page(call, "snapshots", found, SNAPSHOT, tail))


@routes.get("/snapshots/{id}", policy="volume:get_snapshot")
async def show(call: Call) -> Reply:
    """One document."""
    async with call.region.read() as tx:
        snapshot = await snapshots.get(tx, call.path["id"], listing.whose(call))
    return Reply({"snapshot": views.one(call, snapshot.document, SNAPSHOT)})


@routes.put("/snapshots/{id}", policy="volume:update_snapshot")
async def update(call: Call) -> Reply:
    """Name and description."""
    body = call.json()
    UPDATE.check(body, call.microversion)
    async with call.region.write() as tx:
        snapshot = await snapshots.get(tx, call.path["id"], listing.whose(call))
        snapshot = await snapshots.update(tx, snapshot, named(body["snapshot"]), datetime.now(UTC))
    return Reply({"snapshot": views.one(call, snapshot.document, SNAPSHOT, SNAPSHOT_EXTENDED)})


@routes.delete("/snapshots/{id}", policy="volume:delete_snapshot")
async def delete(call: Call) -> Reply:
    """On its way out."""
    async with call.region.write() as tx:
        snapshot = await snapshots.get(tx, call.path["id"], listing.whose(call))
        await snapshots.delete(tx, snapshot, datetime.now(UTC))
    return Reply(status=202)
