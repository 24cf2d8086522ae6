"""Floating IP pools: the subnets that floating IPs come from, one for each zone with a way outside."""

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import listing
from vregion.model.resource import Kind
from vregion.region import resources
from vregion.region.resources import Filter, Query

routes = Routes()


@routes.get("/floatingip-pools", policy="get_floatingip_pool")
async def index(call: Call) -> Reply:
    """The IPv4 subnets of the external network. Nothing filters or sorts them (neutron-lib floatingip_pools)."""
    listing.check_order(call)
    filters = (Filter("deleting", False), Filter("spec.router:external", True), Filter("spec.ip_version", 4))
    async with call.region.read() as tx:
        found = await resources.list_resources(tx, Query(Kind.SUBNET, filters=filters))
    pools = [
        {
            "subnet_id": subnet.id,
            "subnet_name": subnet.name,
            "project_id": call.project_id,
            "network_id": subnet.spec["network_id"],
            "cidr": subnet.spec["cidr"],
            "tenant_id": call.project_id,
        }
        for subnet in found
    ]
    return listing.few(call, "floatingip_pools", pools, ())
