"""Subnets on backends. Ours is the IPAM: their pool there is the one address that the backend's DHCP may take."""

from typing import Any

from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.region import subnets

_CHANGING = ("gateway_ip", "enable_dhcp", "dns_nameservers", "host_routes")


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Neutron's create body."""
    spec = resource.spec
    modes = {name: spec[name] for name in ("ipv6_ra_mode", "ipv6_address_mode") if spec[name]}
    return {
        "network_id": references[Kind.NETWORK, spec["network_id"]],
        "cidr": spec["cidr"],
        "ip_version": spec["ip_version"],
        **modes,
        **update(resource, references),
    }


def update(resource: Resource, references: References) -> dict[str, Any]:
    """What may change later."""
    own_gateway = subnets.gateways(resource).get(resource.backend_id or "")
    return {
        "name": resource.name,
        **{name: resource.spec[name] for name in _CHANGING},
        **({"gateway_ip": own_gateway} if own_gateway else {}),
        "allocation_pools": pools(resource),
    }


def pools(resource: Resource) -> list[dict[str, str]]:
    """One address. Without DHCP nothing takes it, but an empty list would mean the whole prefix (neutron 29)."""
    spec = resource.spec
    address = (spec.get("dhcp_addresses") or {}).get(resource.backend_id) or spec["allocation_pools"][0]["start"]
    return [{"start": address, "end": address}]


RECIPE = Recipe(
    kind=Kind.SUBNET,
    body=body,
    update=update,
    settled=subnets.settled,
    stopped=subnets.stopped,
    lost=subnets.lost,
    vanished=subnets.vanished,
    leaves=subnets.leaves,
    outlasts=True,
)
