"""Quotas of a project: everybody in it reads its limits and usage, the tenant's admin sets them."""

from collections.abc import Mapping
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies
from vregion.api.schemas.network.values import Wrong, bad, integer
from vregion.model.refusals import Forbidden, NotFound
from vregion.region import usages
from vregion.region.regions import Transaction

routes = Routes()
_SHOWN = (
    "network", "subnet", "port", "security_group", "security_group_rule", "router", "router_route", "floatingip",
    "subnetpool", "rbac_policy", "trunk",
)  # fmt: skip


@routes.get("/quotas", policy="get_quota")
async def index(call: Call) -> Reply:
    """The projects that have limits of their own, for the tenant's admin; a manager is told of none."""
    if not call.caller.roles & {"admin", "manager"}:
        raise Forbidden("rule:get_quota is disallowed by policy", reason="PolicyNotAuthorized")
    found: list[dict[str, Any]] = []
    if call.caller.is_admin:
        async with call.region.read() as tx:
            for project_id in await usages.limited(tx, _SHOWN):
                limits = await usages.limits(tx, project_id)
                owner = {"project_id": project_id, "tenant_id": project_id}
                found.append({**{name: limits[name][0] for name in _SHOWN}, **owner})
    return Reply({"quotas": found})


@routes.get("/quotas/tenant", policy="get_own_project")
@routes.get("/quotas/project", policy="get_own_project")
async def own(call: Call) -> Reply:
    """Whose project the caller is in."""
    word = call.request.url.path.rpartition("/")[2]
    return Reply({word: {f"{word}_id": call.project_id}})


@routes.get("/quotas/{project_id}", policy="get_quota")
async def show(call: Call) -> Reply:
    """The limits."""
    return Reply({"quota": {name: limit for name, (limit, _) in (await _limits(call)).items()}})


@routes.get("/quotas/{project_id}/default", policy="get_quota")
async def default(call: Call) -> Reply:
    """The limits of a project that has none of its own."""
    await _limits(call)
    return Reply({"quota": {name: usages.DEFAULT_LIMITS[name] for name in _SHOWN}})


@routes.put("/quotas/{project_id}", policy="update_quota")
async def update(call: Call) -> Reply:
    """Set some of the limits; -1 is none. Below what is used only with `force`, as it stands in JSON: true.

    `check_limit` asks for what is done anyway (29.0.0 `neutron/extensions/quotasv2.py` update).
    """
    given = bodies.inner(call, "quota")
    given.pop("check_limit", None)
    forced = given.pop("force", None) is True
    if unknown := [name for name in given if name not in _SHOWN]:
        raise bad(f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    wanted = {}
    for name, value in given.items():
        try:
            wanted[name] = _limit(value)
        except Wrong as wrong:
            raise bad(f"Invalid input for {name}. Reason: {wrong}.") from None
    async with call.region.write() as tx:
        if not forced:
            await _check_used(tx, call.path["project_id"], wanted)
        await usages.set_limits(tx, call.path["project_id"], wanted)
    return Reply({"quota": {name: limit for name, (limit, _) in (await _limits(call)).items()}})


@routes.delete("/quotas/{project_id}", policy="delete_quota")
async def delete(call: Call) -> Reply:
    """The default limits again."""
    project_id = call.path["project_id"]
    async with call.region.write() as tx:
        if project_id not in await usages.limited(tx, _SHOWN):
            message = f"Quota for project {project_id} could not be found."
            raise NotFound(message, reason="TenantQuotaNotFound")
        await usages.set_limits(tx, project_id, dict.fromkeys(_SHOWN))
    return Reply(status=204)


@routes.get("/quotas/{project_id}/details", policy="get_quota")
@routes.get("/quotas/{project_id}/details.json", policy="get_quota")
async def details(call: Call) -> Reply:
    """Limits with usage; nothing is ever reserved outside the transaction that uses it.

    Who may not is told otherwise than elsewhere (29.0.0 `neutron/extensions/quotasv2_detail.py` details).
    """
    if call.path["project_id"] != call.project_id and not call.caller.is_admin:
        words = "User does not have admin privileges: Only admin is authorized to access quotas for another project."
        raise Forbidden(words, reason="AdminRequired")
    found = await _limits(call)
    return Reply({"quota": {n: {"limit": limit, "used": used, "reserved": 0} for n, (limit, used) in found.items()}})


async def _check_used(tx: Transaction, project_id: str, wanted: Mapping[str, int]) -> None:
    """Raises Invalid for a limit that is below what there is."""
    found = await usages.limits(tx, project_id)
    for name, limit in wanted.items():
        used = found[name][1]
        if 0 <= limit < used:
            raise bad(f"Quota limit {limit} for {name} must be greater than or equal to already used {used}")


def _limit(value: Any) -> int:
    number = integer(value)
    if number < -1:
        raise Wrong(f"'{number}' is too small - must be at least '-1'")
    return number


async def _limits(call: Call) -> dict[str, tuple[int, int]]:
    project_id = call.path["project_id"]
    if project_id != call.project_id and not call.caller.is_admin:
        raise Forbidden("rule:get_quota is disallowed by policy", reason="PolicyNotAuthorized")
    async with call.region.read() as tx:
        found = await usages.limits(tx, project_id)
    return {name: found[name] for name in _SHOWN}
