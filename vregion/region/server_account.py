"""Where a server is and why: the decisions in its actions and what its backends last said, for the provider.

Read by the provider's operation of the same purpose (`vregion.provider.servers`), from rows alone. It never changes
anything. The actions of a server that is gone are told as long as they are kept.
"""

from typing import Any

from vregion.model.refusals import NotFound
from vregion.model.resource import Kind
from vregion.region import actions, realizations, resources
from vregion.region.regions import Region


async def account(region: Region, server_id: str) -> dict[str, Any]:
    """The server, its places ({"backend_id", "state", "wanted", "reason"}) and what was decided, the newest first.

    Raises NotFound for an id that the region never had, or had too long ago.
    """
    async with region.read() as tx:
        server = await resources.find(tx, Kind.SERVER, server_id)
        buried = await resources.find(tx, Kind.DELETED_SERVER, server_id)
        places = await realizations.of_resource(tx, Kind.SERVER, server_id)
        asked = await actions.of_server(tx, server_id)
    known = server or buried
    if known is None and not asked:
        raise NotFound(f"There is no server {server_id}.")
    told: dict[str, Any] = {"id": server_id, "name": None, "status": "DELETED", "availability_zone": None}
    if known is not None:
        told |= {"name": known.name, "status": known.status, "availability_zone": known.availability_zone}
    told["places"] = [
        {"backend_id": one.backend_id, "state": one.state.value, "wanted": one.wanted, "reason": one.reason}
        for one in places
    ]
    return told | {"decisions": [step for row in asked for step in _steps(row)]}


def _steps(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of an action that say why."""
    whose = {"action": row["action"], "request_id": row["request_id"], "project_id": row["project_id"]}
    return [
        whose | {"event": one["event"], "at": one["start_time"], "result": one["result"], "why": one["details"]}
        for one in row["events"]
        if one["details"]
    ]
