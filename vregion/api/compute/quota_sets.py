"""Quotas of a project over all its zones. Everybody in it reads them; the tenant's admin writes them.

Nova's network quotas (until 2.35) limit nothing there nor here: Neutron has its own. Nova's quotas of a single user are
refused, since none is enforced here; so are changes of the classes, whose only one is the provider's defaults.
"""

from collections.abc import Mapping
from typing import Any

from vregion.api.compute.links import asked
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import quota_sets as schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import Forbidden, Invalid
from vregion.region import usages

routes = Routes()
_ROOT = "os_compute_api:os-quota-sets"
_CLASSES = "os_compute_api:os-quota-class-sets"
RULES = {
    f"{_ROOT}:show": "reader",
    f"{_ROOT}:detail": "reader",
    f"{_ROOT}:defaults": "any",
    f"{_ROOT}:update": "admin",
    f"{_ROOT}:delete": "admin",
    f"{_CLASSES}:show": "admin",
}
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
# What Nova does not count per project.
_UNCOUNTED = frozenset({"key_pairs", "metadata_items", "server_group_members", *schema.INJECTED})

Limits = Mapping[str, tuple[int, int]]


@routes.get("/os-quota-sets/{project_id}", policy=f"{_ROOT}:show")
async def show(call: Call) -> Reply:
    """The limits."""
    found = await _limits(call, _project(call, "show"))
    return Reply({"quota_set": {"id": call.path["project_id"]} | {name: found[name][0] for name in _names(call)}})


@routes.get("/os-quota-sets/{project_id}/detail", policy=f"{_ROOT}:detail")
async def detail(call: Call) -> Reply:
    """The limits and what is used of each."""
    found = await _limits(call, _project(call, "detail"))
    return Reply({"quota_set": {"id": call.path["project_id"]} | {name: _detail(found, name) for name in _names(call)}})


@routes.get("/os-quota-sets/{project_id}/defaults", policy=f"{_ROOT}:defaults")
async def defaults(call: Call) -> Reply:
    """What holds for a project without limits of its own."""
    return Reply({"quota_set": {"id": call.path["project_id"]} | _defaults(call)})


@routes.put("/os-quota-sets/{project_id}", policy=f"{_ROOT}:update")
async def update(call: Call) -> Reply:
    """Set limits; not below what is used, unless forced."""
    body = call.json()
    schema.UPDATE.check(body, call.microversion)
    project_id = _project(call, "update")
    if "user_id" in call.query:
        raise Invalid("Quotas of a single user are not supported: set the project's.")
    wanted = dict(body["quota_set"])
    forced = str(wanted.pop("force", False)).lower() in _TRUE
    limits = {name: int(value) for name, value in wanted.items()}
    async with call.region.write() as tx:
        found = await usages.limits(tx, project_id)
        for name, limit in limits.items():
            used = 0 if name in _UNCOUNTED else found.get(name, (-1, 0))[1]
            if not forced and -1 < limit < used:
                words = (
                    f"Quota limit {limit} for {name} must be greater than or equal to already used and reserved {used}."
                )
                raise Invalid(words)
        await usages.set_limits(tx, project_id, limits)
        found = await usages.limits(tx, project_id)
    return Reply({"quota_set": {name: found.get(name, (-1, 0))[0] for name in _names(call)}})


@routes.delete("/os-quota-sets/{project_id}", policy=f"{_ROOT}:delete")
async def delete(call: Call) -> Reply:
    """Back to the defaults. A single user has no limits of his own to remove."""
    schema.QUERY.check(asked(call), call.microversion)
    if "user_id" not in call.query:
        names = (*schema.QUOTAS, *schema.NETWORK, *schema.INJECTED)
        async with call.region.write() as tx:
            await usages.set_limits(tx, call.path["project_id"], dict.fromkeys(names))
    return Reply(status=202)


@routes.get("/os-quota-class-sets/{name}", policy=f"{_CLASSES}:show")
async def show_class(call: Call) -> Reply:
    """Every class has the defaults, as in Nova."""
    told = {"id": call.path["name"]} | _defaults(call)
    if call.microversion < Microversion(2, 50):
        del told["server_groups"], told["server_group_members"]
    elif call.microversion < Microversion(2, 57):
        told = {name: limit for name, limit in told.items() if name not in schema.NETWORK}
    return Reply({"quota_class_set": told})


def _project(call: Call, operation: str) -> str:
    """Whose quotas. Raises Forbidden for another project's, as Nova's policy does."""
    schema.QUERY.check(asked(call), call.microversion)
    if call.path["project_id"] != call.project_id and not call.caller.is_admin:
        raise Forbidden(f"Policy doesn't allow {_ROOT}:{operation} to be performed.")
    return call.path["project_id"]


async def _limits(call: Call, project_id: str) -> dict[str, tuple[int, int]]:
    async with call.region.read() as tx:
        return dict.fromkeys(schema.NETWORK, (-1, 0)) | await usages.limits(tx, project_id)


def _detail(found: Limits, name: str) -> dict[str, int]:
    limit, used = found[name]
    return {"limit": limit, "in_use": 0 if name in _UNCOUNTED else used, "reserved": 0}


def _defaults(call: Call) -> dict[str, Any]:
    return {name: usages.DEFAULT_LIMITS.get(name, -1) for name in _names(call)}


def _names(call: Call) -> list[str]:
    names = list(schema.QUOTAS)
    if call.microversion < Microversion(2, 36):
        names += schema.NETWORK
    if call.microversion < Microversion(2, 57):
        names += schema.INJECTED
    return names
