"""Agents: to its administrator a virtual region is one L3 agent, which carries its routers wherever they are.

Called by the API. A router is on it from the first zone that it comes into. The administrator can take it off, which
makes it down in every zone, and put it on again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from vregion.model.caller import Caller
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import associations, realizations, resources, routers
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query


def agent_id(region_id: str) -> str:
    """It stays as long as the region."""
    return str(uuid5(NAMESPACE_OID, region_id))


def check(tx: Transaction, wanted: str) -> None:
    """Raises NotFound for another one than the region's."""
    if wanted != agent_id(tx.region_id):
        raise NotFound(f"Agent {wanted} could not be found.", reason="AgentNotFound")


async def load(tx: Transaction) -> Mapping[str, int]:
    """What it carries, by the names that Neutron's L3 agent gives it in its `configurations`."""
    there = Filter("deleting", False)
    gateways, interfaces = (Filter("spec.device_owner", owner) for owner in (routers.GATEWAY, routers.INTERFACE))
    return {
        "routers": len(await carried(tx)),
        "ex_gw_ports": await resources.count(tx, Query(Kind.PORT, filters=(gateways, there))),
        "interfaces": await resources.count(tx, Query(Kind.PORT, filters=(interfaces, there))),
        "floating_ips": await resources.count(tx, Query(Kind.FLOATING_IP, filters=(there,))),
    }


async def carried(tx: Transaction) -> list[Resource]:
    """The routers that are on it."""
    found = await resources.list_resources(tx, Query(Kind.ROUTER, filters=(Filter("deleting", False),)))
    return [router for router in found if routers.is_hosted(router)]


async def schedule(tx: Transaction, caller: Caller, router_id: str, now: datetime, *, on: bool) -> None:
    """Put a router on it, or take it off. Raises NotFound. Twice is once."""
    router = await routers.hold(tx, caller, router_id)
    if router.spec.get("scheduled") is on:
        return
    changes = {"generation": router.generation + 1, "spec": {"scheduled": on}}
    await standard.note(tx, router, routers.document, **changes)
    await realizations.changed(tx, Kind.ROUTER, router.id, now)
    await associations.look(tx, await associations.through(tx, router.id), now)


def document(
    region_id: str, host: str, since: datetime, now: datetime, carries: Mapping[str, int], *, alive: bool
) -> dict[str, Any]:
    """What a show answers: it beats as long as somebody is answered. It is in all zones, so it names none."""
    return {
        "id": agent_id(region_id),
        "agent_type": "L3 agent",
        "binary": "neutron-l3-agent",
        "topic": "l3_agent",
        "host": host,
        "admin_state_up": True,
        "created_at": _moment(since),
        "started_at": _moment(since),
        "heartbeat_timestamp": _moment(now),
        "description": None,
        "availability_zone": None,
        "alive": alive,
        "configurations": {"agent_mode": "legacy", **carries},
    }


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
