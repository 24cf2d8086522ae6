"""RBAC policies: what a project shares with others of its tenant."""

from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.projects import is_of_tenant
from vregion.api.schemas.network.rbac_policies import RBAC_POLICIES
from vregion.model.refusals import Forbidden, Invalid
from vregion.model.resource import Kind
from vregion.region import rbac_policies
from vregion.region.sharing import EVERYBODY

routes = Routes()
NOUN = Noun("rbac_policy", Kind.RBAC_POLICY, RBAC_POLICIES, paged=False)
_CREATE = (
    "((((rule:create_rbac_policy and rule:create_rbac_policy:object_type) and rule:create_rbac_policy:object_id) and "
    "rule:create_rbac_policy:target_tenant) and rule:create_rbac_policy:action)"
)
_UPDATE = "(rule:update_rbac_policy and rule:update_rbac_policy:target_tenant)"


@routes.get("/rbac-policies", policy="get_rbac_policy")
async def index(call: Call) -> Reply:
    """The project's policies."""
    seen: dict[str, Any] = {"project_id": None if call.caller.is_admin else call.project_id}
    async with call.region.read() as tx:
        return await listing.answer(tx, call, NOUN, seen)


@routes.get("/rbac-policies/{id}", policy="get_rbac_policy")
async def show(call: Call) -> Reply:
    """One policy."""
    async with call.region.read() as tx:
        return listing.show(call, NOUN, await rbac_policies.get(tx, call.caller, call.path["id"]))


@routes.post("/rbac-policies", policy="create_rbac_policy")
async def create(call: Call) -> Reply:
    """Share something with another project of the tenant."""
    wanted = bodies.creation(call, NOUN)
    actor = bodies.actor(call, wanted)
    await _check_target(call, wanted, _CREATE)
    async with call.region.write() as tx:
        policy = await rbac_policies.create(tx, actor, wanted, datetime.now(UTC))
    return listing.created(NOUN, [policy], bulk=False)


@routes.put("/rbac-policies/{id}", policy="update_rbac_policy")
async def update(call: Call) -> Reply:
    """Share it with another project instead."""
    wanted = bodies.changes(call, NOUN)
    await _check_target(call, wanted, _UPDATE)
    async with call.region.write() as tx:
        policy = await rbac_policies.update(tx, call.caller, call.path["id"], wanted)
    return listing.show(call, NOUN, policy)


@routes.delete("/rbac-policies/{id}", policy="delete_rbac_policy")
async def delete(call: Call) -> Reply:
    """Share it no longer; who uses it prevents that."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await rbac_policies.delete(tx, call.caller, call.path["id"])
    return Reply(status=204)


async def _check_target(call: Call, wanted: dict[str, Any], rules: str) -> None:
    """All projects are an admin's to name, and one is of this tenant. Keystone is asked before anything is written."""
    target = wanted.get("target_tenant", call.project_id)
    if target == EVERYBODY and not call.caller.is_admin:
        raise Forbidden(f"{rules} is disallowed by policy", reason="PolicyNotAuthorized")
    if target != EVERYBODY and not await is_of_tenant(call, target):
        words = f"Invalid input for operation: '{target}' is not a project of this tenant."
        raise Invalid(words, reason="InvalidInput")
