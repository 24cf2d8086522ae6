"""Agents: a virtual region runs none, and tells so as Neutron tells all but its administrator."""

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import listing
from vregion.api.schemas.network.attributes import shown

routes = Routes()
_FILTERS = (
    *("id", "agent_type", "binary", "topic", "host", "admin_state_up", "alive", "description"),
    "availability_zone",
)
_SORTS = {key: shown(key) for key in (*_FILTERS[:-1], "created_at", "started_at", "heartbeat_timestamp")}


@routes.get("/agents", policy="get_agent")
async def index(call: Call) -> Reply:
    """An empty list."""
    return listing.few(call, "agents", [], _FILTERS, _SORTS)
