"""Agents: a virtual region runs none, and tells so as Neutron tells all but its administrator."""

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import listing

routes = Routes()


@routes.get("/agents", policy="get_agent")
async def index(call: Call) -> Reply:
    """An empty list."""
    listing.check_order(call)
    return Reply({"agents": []})
