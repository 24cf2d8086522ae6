"""Quotas of a project over all its zones, and of each volume type. All of it read them, the tenant's admin writes them.

The class `default` holds in this virtual region for every project without limits of its own; another one may be written
and read, as in Cinder, and holds for nobody.
"""

from collections.abc import Mapping
from typing import Any

from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage.quota_sets import UPDATE, UPDATE_CLASS
from vregion.model.refusals import Forbidden, Invalid
from vregion.region import usages, volume_type_limits, volume_types
from vregion.region.regions import Transaction

routes = Routes()
_SHOWN = ("volumes", "per_volume_gigabytes", "snapshots", "gigabytes", "backups", "backup_gigabytes", "groups")
_QUOTAS, _CLASSES = "volume_extension:quotas", "volume_extension:quota_classes"
RULES = {
    f"{_QUOTAS}:show": "reader",
    f"{_QUOTAS}:update": "admin",
    f"{_QUOTAS}:delete": "admin",
    f"{_CLASSES}:get": "admin",
    f"{_CLASSES}:update": "admin",
}
_NO_QUOTAS = ("tenant_id", "id")  # names that Cinder passes over
_LONGEST = 255
Known = Mapping[str, tuple[int, int]]


@routes.get("/os-quota-sets/{project_id}", policy=f"{_QUOTAS}:show")
async def show(call: Call) -> Reply:
    """Limits, or with `usage` what is used of each."""
    project_id, names = _project(call), await _names(call)
    usage = listing.truth(call, "usage")
    async with call.region.read() as tx:
        known = await usages.limits(tx, project_id)
        of_types = await volume_type_limits.used(tx, project_id) if usage else {}
    told: dict[str, Any] = _limits(names, known)
    if usage:
        used = {name: of_types.get(key, known.get(key, (0, 0))[1]) for name, key in names.items()}
        told = {name: {"limit": limit, "in_use": used[name], "reserved": 0} for name, limit in told.items()}
    return Reply({"quota_set": {**told, "id": project_id}})


@routes.get("/os-quota-sets/{project_id}/defaults", policy=f"{_QUOTAS}:show")
async def defaults(call: Call) -> Reply:
    """What a project has that nobody set a quota for."""
    project_id = _project(call)
    async with call.region.read() as tx:
        return Reply({"quota_set": {**await _of_class(call, tx, usages.CLASS), "id": project_id}})


@routes.put("/os-quota-sets/{project_id}", policy=f"{_QUOTAS}:update")
async def update(call: Call) -> Reply:
    """Limits, none of them below what is used. Raises Invalid in Cinder's words."""
    body, project_id, names = call.json(), call.path["project_id"], await _names(call)
    UPDATE.check(body, call.microversion)
    given = {name: limit for name, limit in body["quota_set"].items() if name not in _NO_QUOTAS}
    _refuse_unknown(given, names, "quota set")
    async with call.region.write() as tx:
        known, of_types = await usages.limits(tx, project_id), await volume_type_limits.used(tx, project_id)
        for name, limit in given.items():
            used = of_types.get(names[name], known.get(names[name], (0, 0))[1])
            if name != "per_volume_gigabytes" and -1 != limit < used:
                raise Invalid(
                    f"Quota {name} limit must be equal or greater than existing resources. Current usage is {used} "
                    f"and the requested limit is {limit}."
                )
        await usages.set_limits(tx, project_id, {names[name]: limit for name, limit in given.items()})
        known = await usages.limits(tx, project_id)
    return Reply({"quota_set": _limits(names, known)})


@routes.delete("/os-quota-sets/{project_id}", policy=f"{_QUOTAS}:delete")
async def delete(call: Call) -> Reply:
    """Back to the defaults."""
    names = await _names(call)
    async with call.region.write() as tx:
        known = await usages.limits(tx, call.path["project_id"])
        set_once = [key for key in names.values() if key in known]
        await usages.set_limits(tx, call.path["project_id"], dict.fromkeys(set_once))
    return Reply(status=200)


@routes.get("/os-quota-class-sets/{id}", policy=f"{_CLASSES}:get")
async def show_class(call: Call) -> Reply:
    """Its limits; of those that it has not, the defaults'."""
    async with call.region.read() as tx:
        return Reply({"quota_class_set": {**await _of_class(call, tx, call.path["id"]), "id": call.path["id"]}})


@routes.put("/os-quota-class-sets/{id}", policy=f"{_CLASSES}:update")
async def update_class(call: Call) -> Reply:
    """Set some of them."""
    body, name, names = call.json(), call.path["id"], await _names(call)
    UPDATE_CLASS.check(body, call.microversion)
    given = body["quota_class_set"]
    _refuse_unknown(given, names, "quota class set")
    if len(name) > _LONGEST:
        raise Invalid(f"Invalid input received: quota_class_name has {len(name)} characters, more than {_LONGEST}.")
    async with call.region.write() as tx:
        await usages.set_limits_of(tx, "", name, {names[one]: int(limit) for one, limit in given.items()})
        return Reply({"quota_class_set": await _of_class(call, tx, name)})


async def _names(call: Call) -> dict[str, str]:
    """A quota's name on the wire -> its name in the rows."""
    types = volume_types.offered(await call.use.directory.bindings(call.region.id))
    parts = volume_type_limits.PARTS
    of_types = {f"{part}_{one['name']}": volume_type_limits.key(part, one["id"]) for one in types for part in parts}
    return of_types | {name: name for name in _SHOWN}


def _limits(names: Mapping[str, str], known: Known) -> dict[str, int]:
    return {name: known.get(key, (-1, 0))[0] for name, key in names.items()}


async def _of_class(call: Call, tx: Transaction, name: str) -> dict[str, int]:
    known: dict[str, int] = dict(usages.DEFAULT_LIMITS)
    for one in dict.fromkeys((usages.CLASS, name)):
        known |= await usages.limits_of(tx, "", one)
    return {name: known.get(key, -1) for name, key in (await _names(call)).items()}


def _refuse_unknown(given: Mapping[str, Any], names: Mapping[str, str], noun: str) -> None:
    if unknown := [name for name in given if name not in names]:
        raise Invalid(f"Invalid input received: Bad key(s) in {noun}: {', '.join(unknown)}")


def _project(call: Call) -> str:
    """Another project's quota is the tenant's admin's business alone. Raises Forbidden."""
    project_id = call.path["project_id"]
    if project_id != call.project_id and not call.caller.is_admin:
        raise Forbidden(f"Policy doesn't allow {_QUOTAS}:show to be performed.")
    return project_id
