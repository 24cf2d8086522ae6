"""Short ways to a region's network rows, for the tests of this folder."""

from datetime import UTC, datetime
from typing import Any

from vregion.model.caller import Caller
from vregion.model.resource import Resource
from vregion.region import networks, subnets
from vregion.region.regions import Transaction

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CIDR = {"ip_version": 4, "cidr": "10.0.0.0/24"}
SLAAC = {"ip_version": 6, "cidr": "fd00:1::/64", "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}


def caller(project: str = "p1", *roles: str) -> Caller:
    """Somebody with these roles in a project."""
    return Caller("u1", project, "d1", "r1", frozenset(roles or ("member",)), "req-1")


async def network(tx: Transaction, who: Caller, **wanted: Any) -> Resource:
    """A network as the API asks for it."""
    zones = {"az1": "b1", "az2": "b2", "az3": "b3"}
    plain = {
        "name": "n",
        "admin_state_up": True,
        "mtu": 0,
        "shared": False,
        "router:external": False,
        "port_security_enabled": True,
        "availability_zone_hints": [],
    }
    return await networks.create(tx, who, plain | wanted, zones, NOW)


async def subnet(tx: Transaction, who: Caller, on: Resource, **wanted: Any) -> Resource:
    """A subnet as the API asks for it."""
    plain = {
        "network_id": on.id,
        "enable_dhcp": True,
        "ipv6_ra_mode": None,
        "ipv6_address_mode": None,
        "dns_nameservers": [],
        "host_routes": [],
    }
    return await subnets.create(tx, who, plain | (wanted or CIDR), NOW)
