"""How many addresses of the tenant's networks there are, and how many are taken. Called by the API; reads only."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from vregion.ipam import prefixes
from vregion.ipam.pools import Pool
from vregion.model.resource import Kind, Resource
from vregion.region import resources
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query
from vregion.region.tables import addresses

_DETAILS = (
    "total_ips_in_subnet",
    "total_ips_in_allocation_pool",
    "used_ips_in_subnet",
    "used_ips_in_allocation_pool",
)


async def of_networks(tx: Transaction, networks: Sequence[Resource], versions: Sequence[int]) -> list[dict[str, Any]]:
    """Neutron's documents; subnets of these IP versions count."""
    owners = Filter("parent_id", [network.id for network in networks], "in")
    filters = (Filter("deleting", False), owners, Filter("spec.ip_version", list(versions), "in"))
    subnets = await resources.list_resources(tx, Query(Kind.SUBNET, filters=filters, sort=(("created_at", True),)))
    taken = await _taken(tx, [subnet.id for subnet in subnets])
    told = [(subnet.parent_id, _of_subnet(subnet, taken.get(subnet.id, ()))) for subnet in subnets]
    return [_of_network(network, [one for owner, one in told if owner == network.id]) for network in networks]


async def _taken(tx: Transaction, subnet_ids: Sequence[str]) -> dict[str, list[str]]:
    """The addresses in use, those of zones' DHCP services too."""
    rows = await tx.execute(
        select(addresses.c.subnet_id, addresses.c.address).where(
            addresses.c.region_id == tx.region_id, addresses.c.subnet_id.in_(list(subnet_ids))
        )
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.subnet_id, []).append(row.address)
    return found


def _of_subnet(subnet: Resource, taken: Sequence[str]) -> dict[str, Any]:
    pools = [Pool.parse(one["start"], one["end"]) for one in subnet.spec["allocation_pools"]]
    prefix = prefixes.prefix(subnet.spec["cidr"])
    reserved = 2 if prefix.version == 4 and prefix.prefixlen < 31 else 0
    counts = (
        prefix.num_addresses - reserved,
        sum(pool.last - pool.first + 1 for pool in pools),
        len(taken),
        sum(any(address in pool for pool in pools) for address in taken),
    )
    details = dict(zip(_DETAILS, counts, strict=True))
    return {
        "subnet_id": subnet.id,
        "ip_version": prefix.version,
        "cidr": subnet.spec["cidr"],
        "subnet_name": subnet.name,
        **_summary(details),
    }


def _of_network(network: Resource, subnets: list[dict[str, Any]]) -> dict[str, Any]:
    details = {name: sum(one["ip_availability_details"][name] for one in subnets) for name in _DETAILS}
    return {
        "network_id": network.id,
        "network_name": network.name,
        **standard.owned(network),
        "subnet_ip_availability": subnets,
        **_summary(details),
    }


def _summary(details: dict[str, int]) -> dict[str, Any]:
    total, used = details["total_ips_in_allocation_pool"], details["used_ips_in_subnet"]
    return {"used_ips": used, "total_ips": total, "ip_availability_details": details}
