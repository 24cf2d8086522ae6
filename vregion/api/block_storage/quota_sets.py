"""Quotas of a project over all its zones. Everybody in it reads them; the tenant's admin writes them.

Limits for a single volume type are not kept. The one quota class, the provider's defaults, is read only.
"""

from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage.quota_sets import UPDATE
from vregion.model.refusals import Forbidden, Invalid
from vregion.region import usages

routes = Routes()
_SHOWN = ("volumes", "per_volume_gigabytes", "snapshots", "gigabytes", "backups", "backup_gigabytes", "groups")
_QUOTAS, _CLASSES = "volume_extension:quotas", "volume_extension:quota_classes"
RULES = {
    f"{_QUOTAS}:show": "reader",
    f"{_QUOTAS}:update": "admin",
    f"{_QUOTAS}:delete": "admin",
    f"{_CLASSES}:get": "admin",
}


@routes.get("/os-quota-sets/{project_id}", policy=f"{_QUOTAS}:show")
async def show(call: Call) -> Reply:
    """Limits, or with `usage` what is used of each."""
    project_id = _project(call)
    async with call.region.read() as tx:
        known = await usages.limits(tx, project_id)
    if listing.truth(call, "usage"):
        told = {n: {"limit": known[n][0], "in_use": known[n][1], "reserved": 0} for n in _SHOWN}
        return Reply({"quota_set": {**told, "id": project_id}})
    return Reply({"quota_set": {**{name: known[name][0] for name in _SHOWN}, "id": project_id}})


@routes.get("/os-quota-sets/{project_id}/defaults", policy=f"{_QUOTAS}:show")
async def defaults(call: Call) -> Reply:
    """What a project has that nobody set a quota for."""
    project_id = _project(call)
    return Reply({"quota_set": {**_defaults(), "id": project_id}})


@routes.put("/os-quota-sets/{project_id}", policy=f"{_QUOTAS}:update")
async def update(call: Call) -> Reply:
    """Limits, none of them below what is used. Raises Invalid in Cinder's words."""
    body = call.json()
    UPDATE.check(body, call.microversion)
    wanted = {name: limit for name, limit in body["quota_set"].items() if name in _SHOWN}
    async with call.region.write() as tx:
        known = await usages.limits(tx, call.path["project_id"])
        for name, limit in wanted.items():
            if name != "per_volume_gigabytes" and -1 != limit < known[name][1]:
                raise Invalid(
                    f"Quota {name} limit must be equal or greater than existing resources. Current usage is "
                    f"{known[name][1]} and the requested limit is {limit}."
                )
        await usages.set_limits(tx, call.path["project_id"], wanted)
        known = await usages.limits(tx, call.path["project_id"])
    return Reply({"quota_set": {name: known[name][0] for name in _SHOWN}})


@routes.delete("/os-quota-sets/{project_id}", policy=f"{_QUOTAS}:delete")
async def delete(call: Call) -> Reply:
    """Back to the defaults."""
    async with call.region.write() as tx:
        await usages.set_limits(tx, call.path["project_id"], dict.fromkeys(_SHOWN))
    return Reply(status=200)


@routes.get("/os-quota-class-sets/{id}", policy=f"{_CLASSES}:get")
async def show_class(call: Call) -> Reply:
    """Every class has the defaults."""
    return Reply({"quota_class_set": {"id": call.path["id"], **_defaults()}})


def _defaults() -> dict[str, int]:
    return {name: usages.DEFAULT_LIMITS[name] for name in _SHOWN}


def _project(call: Call) -> str:
    """Another project's quota is the tenant's admin's business alone. Raises Forbidden."""
    project_id = call.path["project_id"]
    if project_id != call.project_id and not call.caller.is_admin:
        raise Forbidden(f"Policy doesn't allow {_QUOTAS}:show to be performed.")
    return project_id
