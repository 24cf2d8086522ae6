"""Nova's old view of networks, until 2.35. The rows are Neutron's; most fields were nova-network's."""

from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import networks, resources
from vregion.region.resources import Filter, Query

routes = Routes()
_NETWORKS = "os_compute_api:os-networks"
_TENANT = "os_compute_api:os-tenant-networks"
RULES = {f"{root}:{name}": "reader" for root in (_NETWORKS, _TENANT) for name in ("list", "show")}
_EMPTY = ("cidr", "netmask", "gateway", "broadcast", "dns1", "dns2", "cidr_v6", "gateway_v6", "netmask_v6")
_EMPTY_FOR_ADMINS = (
    "created_at", "updated_at", "deleted_at", "deleted", "injected", "bridge", "vlan", "vpn_public_address",
    "vpn_public_port", "vpn_private_address", "dhcp_start", "project_id", "host", "bridge_interface", "multi_host",
    "priority", "rxtx_base", "mtu", "dhcp_server", "enable_dhcp", "share_address",
)  # fmt: skip


@routes.get("/os-networks", policy=f"{_NETWORKS}:list", until="2.35")
async def index(call: Call) -> Reply:
    """All that the caller sees."""
    return Reply({"networks": [_network(call, network) for network in await _visible(call)]})


@routes.get("/os-networks/{id}", policy=f"{_NETWORKS}:show", until="2.35")
async def show(call: Call) -> Reply:
    """One."""
    return Reply({"network": _network(call, await _one(call))})


@routes.get("/os-tenant-networks", policy=f"{_TENANT}:list", until="2.35")
async def index_tenant(call: Call) -> Reply:
    """All that the caller sees."""
    return Reply({"networks": [_tenant_network(network) for network in await _visible(call)]})


@routes.get("/os-tenant-networks/{id}", policy=f"{_TENANT}:show", until="2.35")
async def show_tenant(call: Call) -> Reply:
    """One."""
    return Reply({"network": _tenant_network(await _one(call))})


async def _visible(call: Call) -> list[Resource]:
    query = Query(Kind.NETWORK, filters=[Filter("deleting", False)], **networks.visible(call.caller))
    async with call.region.read() as tx:
        return await resources.list_resources(tx, query)


async def _one(call: Call) -> Resource:
    async with call.region.read() as tx:
        try:
            return await networks.get(tx, call.caller, call.path["id"])
        except NotFound as lacking:
            raise NotFound("Network not found") from lacking


def _network(call: Call, network: Resource) -> dict[str, Any]:
    names = (*_EMPTY, *_EMPTY_FOR_ADMINS) if call.caller.is_admin else _EMPTY
    return {"id": network.id, **dict.fromkeys(names), "label": network.name}


def _tenant_network(network: Resource) -> dict[str, Any]:
    """nova 34.0.0 `compute/tenant_networks.py` network_dict: the CIDR is the word None."""
    return {"id": network.id, "cidr": "None", "label": network.name}
