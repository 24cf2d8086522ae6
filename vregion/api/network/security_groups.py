"""Security groups and their rules."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.security_groups import SECURITY_GROUP_RULES, SECURITY_GROUPS
from vregion.model.caller import Caller
from vregion.model.refusals import Invalid
from vregion.model.resource import Kind
from vregion.region import security_groups, sharing
from vregion.region.resources import Filter

routes = Routes()
GROUP = Noun("security_group", Kind.SECURITY_GROUP, SECURITY_GROUPS)
RULE = Noun("security_group_rule", Kind.SECURITY_GROUP_RULE, SECURITY_GROUP_RULES)


@routes.get("/security-groups", policy="get_security_group")
async def index(call: Call) -> Reply:
    """The project's groups and those that are shared with it; its default group is made by the first look."""
    await _with_default(call)
    async with call.region.read() as tx:
        return await listing.answer(tx, call, GROUP, sharing.visible(call.caller))


@routes.get("/security-groups/{id}", policy="get_security_group")
async def show(call: Call) -> Reply:
    """One group with its rules."""
    async with call.region.read() as tx:
        return listing.show(call, GROUP, await security_groups.get(tx, call.caller, call.path["id"]))


@routes.post("/security-groups", policy="create_security_group")
async def create(call: Call) -> Reply:
    """One group, or several at once."""
    wanted, bulk = bodies.creations(call, GROUP)
    now = datetime.now(UTC)
    async with call.region.write() as tx:
        made = [await security_groups.create(tx, bodies.actor(call, one), one, now) for one in wanted]
    return listing.created(GROUP, made, bulk=bulk)


@routes.put("/security-groups/{id}", policy="update_security_group")
async def update(call: Call) -> Reply:
    """Change a group."""
    wanted, revision = bodies.changes(call, GROUP), bodies.revision(call)
    async with call.region.write() as tx:
        group = await security_groups.update(tx, call.caller, call.path["id"], wanted, revision, datetime.now(UTC))
    return listing.show(call, GROUP, group)


@routes.delete("/security-groups/{id}", policy="delete_security_group")
async def delete(call: Call) -> Reply:
    """Delete a group that no port has."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await security_groups.delete(tx, call.caller, call.path["id"], bodies.revision(call), datetime.now(UTC))
    return Reply(status=204)


@routes.get("/security-group-rules", policy="get_security_group_rule")
async def list_rules(call: Call) -> Reply:
    """The rules of the groups that the project sees."""
    await _with_default(call)
    async with call.region.read() as tx:
        return await listing.answer(tx, call, RULE, _own_or_shared(call))


@routes.get("/security-group-rules/{id}", policy="get_security_group_rule")
async def show_rule(call: Call) -> Reply:
    """One rule."""
    async with call.region.read() as tx:
        return listing.show(call, RULE, await security_groups.get_rule(tx, call.caller, call.path["id"]))


@routes.post("/security-group-rules", policy="create_security_group_rule")
async def create_rules(call: Call) -> Reply:
    """One rule, or several of one group."""
    wanted, bulk = bodies.creations(call, RULE)
    async with call.region.write() as tx:
        made = await security_groups.create_rules(tx, _one_actor(call, wanted), wanted, datetime.now(UTC))
    return listing.created(RULE, made, bulk=bulk)


@routes.delete("/security-group-rules/{id}", policy="delete_security_group_rule")
async def delete_rule(call: Call) -> Reply:
    """Delete a rule."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await security_groups.delete_rule(tx, call.caller, call.path["id"], datetime.now(UTC))
    return Reply(status=204)


async def _with_default(call: Call) -> None:
    """Make the project's default group, unless it is there; only then is anything written."""
    async with call.region.read() as tx:
        known = await security_groups.find_default(tx, call.project_id)
    if known is None:
        async with call.region.write() as tx:
            await security_groups.default_group(tx, call.caller, datetime.now(UTC))


def _own_or_shared(call: Call) -> dict[str, Any]:
    groups = sharing.objects(call.region.id, GROUP.word, call.project_id)
    return {**sharing.visible(call.caller), "shared": (Filter("parent_id", groups, "among"),)}


def _one_actor(call: Call, wanted: Sequence[dict[str, Any]]) -> Caller:
    actors = [bodies.actor(call, one) for one in wanted]
    if any(actor.project_id != actors[0].project_id for actor in actors):
        message = "Invalid input for operation: Multiple project_ids in bulk security group rule create not allowed."
        raise Invalid(message, reason="SecurityGroupRulesNotSingleProject")
    return actors[0]
