"""Quotas of a project over all its zones, and of one user in it. Everybody in it reads them, its admin writes them.

Nova's network quotas (until 2.35) limit nothing there nor here: Neutron has its own. The rules of what may be set are
Nova's (nova 34.0.0 `quota.py` get_settable_quotas): not less than what is used, nor, of a project, than what its users
were given; of a user, not more than what his project has left. The class `default` is in `quota_class_sets`.
"""

from collections.abc import Mapping

from vregion.api.compute import requests
from vregion.api.compute.links import asked
from vregion.api.http import Call, Reply, Routes
from vregion.api.projects import is_of_tenant
from vregion.api.schemas.compute import quota_sets as schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import Forbidden, Invalid
from vregion.region import usages, user_limits
from vregion.region.regions import Transaction

routes = Routes()
_ROOT = "os_compute_api:os-quota-sets"
_PATH = "/os-quota-sets/{project_id}"
RULES = {
    f"{_ROOT}:show": "reader",
    f"{_ROOT}:detail": "reader",
    f"{_ROOT}:defaults": "any",
    f"{_ROOT}:update": "admin",
    f"{_ROOT}:delete": "admin",
}
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
# What Nova does not count per project.
_UNCOUNTED = frozenset({"key_pairs", "metadata_items", "server_group_members", *schema.INJECTED})
_NONE = float("inf")
_NO_NETWORK = Microversion(2, 36)

Limits = Mapping[str, tuple[int, int]]


@routes.get(_PATH, policy=f"{_ROOT}:show")
async def show(call: Call) -> Reply:
    """The limits; with `user_id`, that user's."""
    project_id = await _project(call, "show")
    async with call.region.read() as tx:
        found = await _known(tx, project_id, call.query.get("user_id"))
    return Reply({"quota_set": {"id": project_id} | {name: found[name][0] for name in names(call)}})


@routes.get(_PATH + "/detail", policy=f"{_ROOT}:detail")
async def detail(call: Call) -> Reply:
    """The limits and what is used of each; with `user_id`, by that user."""
    project_id = await _project(call, "detail")
    async with call.region.read() as tx:
        found = await _known(tx, project_id, call.query.get("user_id"))
    return Reply({"quota_set": {"id": project_id} | {name: _detail(found, name) for name in names(call)}})


@routes.get(_PATH + "/defaults", policy=f"{_ROOT}:defaults")
async def defaults(call: Call) -> Reply:
    """What holds for a project without limits of its own."""
    project_id = await _verified(call)
    async with call.region.read() as tx:
        found = await of_class(tx, usages.CLASS)
    return Reply({"quota_set": {"id": project_id} | {name: found[name] for name in names(call)}})


@routes.put(_PATH, policy=f"{_ROOT}:update")
async def update(call: Call) -> Reply:
    """Set limits, the project's or a user's, within the bounds unless forced."""
    body = requests.body(call, schema.UPDATE)
    project_id, user_id = await _project(call, "update"), call.query.get("user_id")
    wanted = dict(body["quota_set"])
    forced = str(wanted.pop("force", False)).lower() in _TRUE
    limits = {name: int(value) for name, value in wanted.items()}
    async with call.region.write() as tx:
        if not forced:
            _check(limits, *await _bounds(tx, project_id, user_id))
        if user_id:
            await usages.set_limits_of(tx, project_id, user_id, limits)
        else:
            await usages.set_limits(tx, project_id, limits)
        found = await _known(tx, project_id, user_id)
    return Reply({"quota_set": {name: found[name][0] for name in names(call)}})


@routes.delete(_PATH, policy=f"{_ROOT}:delete")
async def delete(call: Call) -> Reply:
    """Back to the defaults, its users too; with `user_id`, that user alone to the project's."""
    schema.QUERY.check(asked(call), call.microversion)
    project_id, user_id = call.path["project_id"], call.query.get("user_id")
    async with call.region.write() as tx:
        await usages.forget_limits_of(tx, project_id, user_id)
        if not user_id:
            await usages.set_limits(tx, project_id, dict.fromkeys((*schema.QUOTAS, *schema.NETWORK, *schema.INJECTED)))
    return Reply(status=202)


async def of_class(tx: Transaction, name: str) -> dict[str, int]:
    """The limits of a quota class: what was set for it, else the built-in ones."""
    return dict.fromkeys(schema.NETWORK, -1) | usages.DEFAULT_LIMITS | await usages.limits_of(tx, "", name)


def names(call: Call, without_network: Microversion = _NO_NETWORK) -> list[str]:
    """The quotas that this microversion has; from `without_network` on none that are the network's."""
    found = list(schema.QUOTAS)
    if call.microversion < without_network:
        found += schema.NETWORK
    if call.microversion < Microversion(2, 57):
        found += schema.INJECTED
    return found


async def _project(call: Call, operation: str) -> str:
    """Whose quotas. Raises Forbidden for another project's, as Nova's policy does."""
    schema.QUERY.check(asked(call), call.microversion)
    if call.path["project_id"] != call.project_id and not call.caller.is_admin:
        raise Forbidden(f"Policy doesn't allow {_ROOT}:{operation} to be performed.")
    return await _verified(call)


async def _verified(call: Call) -> str:
    """A project of the tenant, if an admin asks (nova 34.0.0 `api/openstack/identity.py` verify_project_id; of others
    Keystone tells nothing to Nova, which lets them pass). Raises Invalid.
    """
    project_id = call.path["project_id"]
    if call.caller.is_admin and not await is_of_tenant(call, project_id):
        raise Invalid(f"Project ID {project_id} is not a valid project.")
    return project_id


async def _known(tx: Transaction, project_id: str, user_id: str | None) -> dict[str, tuple[int, int]]:
    """resource -> (limit, used) of the project, or of a user in it."""
    found = dict.fromkeys(schema.NETWORK, (-1, 0)) | await usages.limits(tx, project_id)
    if not user_id:
        return found
    own, used = await usages.limits_of(tx, project_id, user_id), await user_limits.used_by(tx, project_id, user_id)
    return {name: (own.get(name, limit), used.get(name, 0)) for name, (limit, _) in found.items()}


async def _bounds(tx: Transaction, project_id: str, user_id: str | None) -> tuple[dict[str, int], dict[str, float]]:
    """The least and the most that may be set of each."""
    whole, given = await _known(tx, project_id, None), await usages.given_to_users(tx, project_id)
    if not user_id:
        least = {name: 0 if name in _UNCOUNTED else used for name, (_, used) in whole.items()}
        return {name: max(used, given.get(name, 0)) for name, used in least.items()}, {}
    own, mine = await usages.limits_of(tx, project_id, user_id), await _known(tx, project_id, user_id)
    left = {n: _NONE if limit < 0 else limit - given.get(n, 0) + own.get(n, 0) for n, (limit, _) in whole.items()}
    return {name: used for name, (_, used) in mine.items()}, left


def _check(limits: Mapping[str, int], least: Mapping[str, int], most: Mapping[str, float]) -> None:
    for name, limit in limits.items():
        value, floor, ceiling = _NONE if limit < 0 else limit, least.get(name, 0), most.get(name, _NONE)
        words = f"Quota limit {limit} for {name} must be "
        if value < floor:
            raise Invalid(f"{words}greater than or equal to already used and reserved {floor}.")
        if value > ceiling:
            raise Invalid(f"{words}less than or equal to {int(ceiling)}.")


def _detail(found: Limits, name: str) -> dict[str, int]:
    limit, used = found[name]
    return {"limit": limit, "in_use": 0 if name in _UNCOUNTED else used, "reserved": 0}
