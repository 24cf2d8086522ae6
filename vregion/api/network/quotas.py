"""Quotas of a project: limits and usage, to look at. The provider sets them."""

from vregion.api.http import Call, Reply, Routes
from vregion.model.refusals import Forbidden
from vregion.region import usages

routes = Routes()
_SHOWN = (
    "network", "subnet", "port", "security_group", "security_group_rule", "router", "router_route", "floatingip",
    "subnetpool", "rbac_policy", "trunk",
)  # fmt: skip


@routes.get("/quotas/{project_id}", policy="get_quota")
async def show(call: Call) -> Reply:
    """The limits."""
    return Reply({"quota": {name: limit for name, (limit, _) in (await _limits(call)).items()}})


@routes.get("/quotas/{project_id}/default", policy="get_quota")
async def default(call: Call) -> Reply:
    """The limits of a project that has none of its own."""
    await _limits(call)
    return Reply({"quota": {name: usages.DEFAULT_LIMITS[name] for name in _SHOWN}})


@routes.get("/quotas/{project_id}/details.json", policy="get_quota")
async def details(call: Call) -> Reply:
    """Limits with usage; nothing is ever reserved outside the transaction that uses it."""
    found = await _limits(call)
    return Reply({"quota": {n: {"limit": limit, "used": used, "reserved": 0} for n, (limit, used) in found.items()}})


async def _limits(call: Call) -> dict[str, tuple[int, int]]:
    project_id = call.path["project_id"]
    if project_id != call.project_id and not call.caller.is_admin:
        raise Forbidden("rule:get_quota is disallowed by policy", reason="PolicyNotAuthorized")
    async with call.region.read() as tx:
        found = await usages.limits(tx, project_id)
    return {name: found[name] for name in _SHOWN}
