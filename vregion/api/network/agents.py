"""Agents: a virtual region is one L3 agent to its administrator, and shows none to others, as Neutron does.

Neutron neither filters the lists of routers and of agents below nor picks fields of them (29.0.0
`neutron/extensions/l3agentscheduler.py`), and fails with 500 on a body that names no router.
"""

from datetime import UTC, datetime
from typing import Any

import orjson

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.schemas.network.attributes import shown
from vregion.api.schemas.network.values import bad
from vregion.model.refusals import Invalid, NotFound
from vregion.region import agents, routers

routes = Routes()
_FILTERS = (
    *("id", "agent_type", "binary", "topic", "host", "admin_state_up", "alive", "description"),
    "availability_zone",
)
_SORTS = {key: shown(key) for key in (*_FILTERS[:-1], "created_at", "started_at", "heartbeat_timestamp")}
# What Neutron tells beside, where it tells which agents carry a router.
_BESIDE: dict[str, Any] = {"resource_versions": {}, "ha_chassis_priority": None, "ha_state": None}


@routes.get("/agents", policy="get_agent")
async def index(call: Call) -> Reply:
    """The region, to its administrator."""
    if "alive" in call.query.getlist("sort_key"):
        words = "Bad agents request: 'alive' is an invalid attribute for sort key."
        raise Invalid(words, reason="BadRequest")
    found = [await _agent(call)] if call.caller.is_admin else []
    return listing.few(call, "agents", found, _FILTERS, _SORTS)


@routes.get("/agents/{id}", policy="get_agent")
async def show(call: Call) -> Reply:
    """One agent."""
    async with call.region.read() as tx:
        agents.check(tx, call.path["id"])
    if not call.caller.is_admin:
        raise NotFound("The resource could not be found.")
    return Reply({"agent": listing.part(call, await _agent(call))})


@routes.get("/agents/{id}/l3-routers", policy="get_l3-routers")
async def carried(call: Call) -> Reply:
    """The routers that are on an agent."""
    async with call.region.read() as tx:
        agents.check(tx, call.path["id"])
        found = await agents.carried(tx)
    return Reply(b'{"routers":[%s]}' % b",".join(router.document for router in found))


@routes.get("/routers/{id}/l3-agents", policy="get_l3-agents")
async def carrying(call: Call) -> Reply:
    """The agents that a router is on."""
    async with call.region.read() as tx:
        router = await routers.get(tx, call.caller, call.path["id"])
    return Reply({"agents": [await _agent(call) | _BESIDE] if routers.is_hosted(router) else []})


@routes.post("/agents/{id}/l3-routers", policy="create_l3-router")
async def add(call: Call) -> Reply:
    """Put a router on an agent; it is up in its zones again."""
    body = bodies.parsed(call)
    if not isinstance(body, dict) or "router_id" not in body:
        raise bad("Unable to find 'router_id' in request body")
    await _schedule(call, str(body["router_id"]), on=True)
    return Reply(orjson.dumps(None), 201)


@routes.delete("/agents/{id}/l3-routers/{router_id}", policy="delete_l3-router")
async def remove(call: Call) -> Reply:
    """Take a router off an agent; it carries nothing until it is on it again. The stock client sends a body."""
    await _schedule(call, call.path["router_id"], on=False)
    return Reply(status=204)


async def _schedule(call: Call, router_id: str, *, on: bool) -> None:
    async with call.region.write() as tx:
        agents.check(tx, call.path["id"])
        await agents.schedule(tx, call.caller, router_id, datetime.now(UTC), on=on)


async def _agent(call: Call) -> dict[str, Any]:
    """It is alive while one of its zones answers."""
    tenant, dead = await call.use.directory.region(call.region.id), call.use.backends.unreachable()
    assert tenant is not None, "a caller's region has a tenant"
    alive = any(one.backend_id not in dead for one in await call.use.directory.bindings(call.region.id))
    async with call.region.read() as tx:
        load = await agents.load(tx)
    since = datetime.fromisoformat(tenant.created_at)
    return agents.document(call.region.id, tenant.name, since, datetime.now(UTC), load, alive=alive)
