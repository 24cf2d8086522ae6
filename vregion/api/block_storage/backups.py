"""Backups: create, list, show, update, delete; and restore, over a volume or into a new one."""

from datetime import UTC, datetime
from typing import Any

from vregion.api.block_storage import listing, views
from vregion.api.block_storage.volumes import named
from vregion.api.http import Call, Reply, Routes
from vregion.api.live import live
from vregion.api.schemas.block_storage.backups import CREATE, RESTORE, UPDATE
from vregion.api.schemas.block_storage.types import BOOLEAN, true
from vregion.model.microversion import Microversion
from vregion.model.refusals import Conflict, Invalid
from vregion.model.resource import Kind, Resource
from vregion.region import backups, realizations, volume_creates, volumes

routes = Routes()
# What each microversion added (cinder 29.0.0 api/v3/views/backups.py, api/v3/backups.py).
ADDED = {
    "os-backup-project-attr:project_id": Microversion(3, 18),
    "metadata": Microversion(3, 43),
    "user_id": Microversion(3, 56),
}
_ADMINS = ("os-backup-project-attr:project_id", "user_id")
RULES = {
    "backup:create": "member",
    "backup:get": "reader",
    "backup:get_all": "reader",
    "backup:update": "member",
    "backup:delete": "member",
    "backup:restore": "member",
    "backup:backup_project_attribute": "admin",
}


@routes.post("/backups", policy="backup:create")
async def create(call: Call) -> Reply:
    """Written down, in the zone of its volume."""
    body = call.json()
    CREATE.check(body, call.microversion)
    given = body["backup"]
    kept = {name: given.get(name) for name in ("volume_id", "snapshot_id", "container", "availability_zone")}
    flags = {name: true(given.get(name, False)) for name in ("incremental", "force")}
    async with call.region.write() as tx:
        backup = await backups.create(tx, call.caller, kept | flags | named(given), datetime.now(UTC))
    return Reply({"backup": _brief(call, backup)}, 202)


@routes.get("/backups", policy="backup:get_all")
async def index(call: Call) -> Reply:
    """Names and links."""
    found, tail = await _page(call, "backups")
    return Reply({"backups": [_brief(call, backup) for backup in found]} | tail)


@routes.get("/backups/detail", policy="backup:get_all")
async def detail(call: Call) -> Reply:
    """In full."""
    found, tail = await _page(call, "backups/detail")
    return Reply({"backups": [_shown(call, backup) for backup in found]} | tail)


@routes.get("/backups/{id}", policy="backup:get")
async def show(call: Call) -> Reply:
    """One."""
    async with call.region.read() as tx:
        backup = await backups.get(tx, call.path["id"], listing.whose(call))
    return Reply({"backup": _shown(call, backup)})


@routes.put("/backups/{id}", policy="backup:update", since="3.9")
async def update(call: Call) -> Reply:
    """Name, description, metadata."""
    body = call.json()
    UPDATE.check(body, call.microversion)
    async with call.region.write() as tx:
        backup = await backups.get(tx, call.path["id"], listing.whose(call))
        fields = named(body["backup"] or {})
        if not fields:
            raise Invalid("Invalid input received: Must specify one or more parameters to update.")
        backup = await backups.update(tx, backup, fields, datetime.now(UTC))
    return Reply({"backup": _brief(call, backup)})


@routes.delete("/backups/{id}", policy="backup:delete")
async def delete(call: Call) -> Reply:
    """On its way out."""
    async with call.region.write() as tx:
        backup = await backups.get(tx, call.path["id"], listing.whose(call))
        await backups.delete(tx, backup, datetime.now(UTC))
    return Reply(status=202)


@routes.post("/backups/{id}/restore", policy="backup:restore")
async def restore(call: Call) -> Reply:
    """Over a volume of its zone: live. Into a new volume: written down."""
    body = call.json()
    RESTORE.check(body, call.microversion)
    given = body["restore"] or {}
    async with call.region.read() as tx:
        backup = await backups.get(tx, call.path["id"], listing.whose(call))
    if not given.get("volume_id"):
        return await _into_new(call, backup, given.get("name"))
    async with call.region.read() as tx:
        volume = await backups.restorable(tx, backup, given["volume_id"])
        there = await realizations.on_backend(tx, Kind.VOLUME, volume.id, str(volume.backend_id))
    if there is None or there.external_id is None:
        raise Conflict(f"Volume {volume.id} is not ready: its availability zone has not got it yet.")
    answer = await live(call, Kind.BACKUP, backup, "POST", "/restore", {"restore": {"volume_id": there.external_id}})
    if answer.status >= 400:
        return Reply(answer.body, answer.status)
    async with call.region.write() as tx:
        current = await volumes.get(tx, volume.id, volume.project_id)
        metadata = backups.metadata(backup, current.spec.get("metadata", {}), volume.id)
        spec = {**current.spec, "metadata": metadata}
        await volumes.write(tx, current, datetime.now(UTC), status="restoring-backup", spec=spec)
        await realizations.look_again(tx, there, datetime.now(UTC))
    return _restored(backup, volume, volume.spec.get("name"))


async def _into_new(call: Call, backup: Resource, name: str | None) -> Reply:
    """A volume that is given no name takes name and description of the one that was backed up."""
    fallback = f"restore_backup_{backup.id}"
    known = backups.named(backup) if name is None else {}
    wanted: dict[str, Any] = {"name": name or fallback, "backup_id": backup.id, **known}
    zones = await call.use.directory.bindings(call.region.id)
    async with call.region.write() as tx:
        volume = await volume_creates.create(tx, call.caller, wanted, zones, datetime.now(UTC))
    return _restored(backup, volume, name or fallback)


def _restored(backup: Resource, volume: Resource, name: str | None) -> Reply:
    told = {"backup_id": backup.id, "volume_id": volume.id, "volume_name": name}
    return Reply({"restore": told}, 202)


async def _page(call: Call, path: str) -> tuple[list[Resource], dict[str, Any]]:
    """Only an admin's `all_tenants` is looked at (cinder 29.0.0 backup/api.py get_all)."""
    everyone = call.query.get("all_tenants", "0")
    if call.caller.is_admin and everyone.lower() not in BOOLEAN["enum"]:
        raise Invalid(f"all_tenants must be a boolean, got '{everyone}'.")
    async with call.region.read() as tx:
        found, tail, size = await listing.page(tx, call, listing.BACKUPS)
    links = listing.next_page(call, path, found, size)
    return found, tail | ({"backups_links": links} if links else {})


def _shown(call: Call, backup: Resource) -> dict[str, Any]:
    told = call.policy.check("backup:backup_project_attribute", call.caller)
    return views.one(call, backup.document, ADDED, () if told else _ADMINS)


def _brief(call: Call, backup: Resource) -> dict[str, Any]:
    shown = views.one(call, backup.document, {})
    return {name: shown[name] for name in ("id", "name", "links")}
