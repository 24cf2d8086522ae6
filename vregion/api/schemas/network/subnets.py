"""The attributes of subnets (neutron_lib/api/definitions/subnet.py)."""

from typing import Any

from vregion.api.schemas.network.attributes import CHOSEN, REQUIRED, Attribute, Attributes, shown
from vregion.api.schemas.network.standard import ID, NAME, OWNER, STANDARD
from vregion.api.schemas.network.values import (
    Wrong,
    address,
    address_or_none,
    bad,
    boolean,
    integer,
    invalid,
    keys,
    network_of,
    non_negative,
    one_of,
    prefix,
    route_destination,
    uuid_or_none,
    uuid_text,
)
from vregion.model.refusals import Invalid

_OWNERS = ("network:", "neutron:", *"compute:")
MODES = ("dhcpv6-stateful", "dhcpv6-stateless", "slaac", None)


def pools(value: Any) -> list[dict[str, str]]:
    """Ranges of addresses; an empty text or object has none (neutron-lib 5.0.1 converters.py goes through it)."""
    if value in (None, "", {}):
        return []
    if not isinstance(value, list) or not all(isinstance(pool, dict) for pool in value):
        raise invalid("Invalid data format for allocation pools")
    return [{end: address(keys(pool, ("start", "end"))[end]) for end in ("start", "end")} for pool in value]


def nameservers(value: Any) -> list[str]:
    """Addresses of name servers, in order. Of an object Neutron takes the keys, of text the letters, so we do."""
    if value is None:
        return []
    if not isinstance(value, list | dict | str):
        raise Wrong(f"Invalid data format for nameserver: '{value}'")
    found: list[str] = []
    for host in value:
        try:
            server = address(host)
        except Wrong as wrong:
            raise Wrong(f"'{host}' is not a valid nameserver. {wrong}") from None
        if server in found:
            raise Wrong(f"Duplicate nameserver '{host}'")
        found.append(server)
    return found


def host_routes(value: Any) -> list[dict[str, str]]:
    """Static routes for hosts."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Wrong(f"Invalid data format for hostroute: '{value}'")
    found: list[dict[str, str]] = []
    for route in value:
        keys(route, ("destination", "nexthop"))
        parsed = {"destination": route_destination(route["destination"]), "nexthop": address(route["nexthop"])}
        if parsed in found:
            raise Wrong(f"Duplicate hostroute '{route}'")
        found.append(parsed)
    return found


def service_types(value: Any) -> list[str]:
    """Device owners whose ports shall have addresses here.

    Neutron takes each letter of "compute:" for a beginning (neutron-lib 5.0.1 validate_subnet_service_types), so we do.
    """
    if value and not isinstance(value, list):
        raise bad("Subnet service types must be a list.")
    for one in value or []:
        if not isinstance(one, str):
            message = f"Subnet service type {one} is not a string."
            raise Invalid(message, reason="InvalidInputSubnetServiceType")
        if not one.startswith(_OWNERS):
            message = f"Subnet service type {one} does not correspond to a valid device owner."
            raise Invalid(message, reason="InvalidSubnetServiceType")
    return list(dict.fromkeys(value or []))


SUBNETS: Attributes = {
    "id": ID,
    "name": NAME,
    "ip_version": Attribute(one_of(4, 6, read=integer), REQUIRED, put=False, field="spec.ip_version", asked=integer),
    "network_id": Attribute(uuid_text, REQUIRED, put=False, field="parent_id"),
    "subnetpool_id": Attribute(uuid_or_none, CHOSEN, put=False, field="spec.subnetpool_id"),
    "use_default_subnetpool": Attribute(boolean, False, put=False),
    "prefixlen": Attribute(non_negative, CHOSEN, put=False),
    "cidr": Attribute(prefix, CHOSEN, put=False, field="spec.cidr", asked=network_of),
    "gateway_ip": Attribute(address_or_none, CHOSEN, field="spec.gateway_ip"),
    "allocation_pools": Attribute(pools, CHOSEN),
    "dns_nameservers": Attribute(nameservers, []),
    "host_routes": Attribute(host_routes, []),
    **OWNER,
    "enable_dhcp": Attribute(boolean, True, field="spec.enable_dhcp", asked=boolean),
    "ipv6_ra_mode": Attribute(one_of(*MODES), None, put=False, field="spec.ipv6_ra_mode"),
    "ipv6_address_mode": Attribute(one_of(*MODES), None, put=False, field="spec.ipv6_address_mode"),
    "service_types": Attribute(service_types, []),
    "shared": shown("spec.shared", asked=boolean, sorts=False),
    "router:external": shown("spec.router:external", asked=boolean, sorts=False),
    **STANDARD,
}
