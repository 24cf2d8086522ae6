"""The attributes of networks (neutron_lib/api/definitions/network.py and the extensions that are served)."""

from typing import Any

from vregion.api.schemas.network.attributes import CHOSEN, Attribute, Attributes, shown
from vregion.api.schemas.network.dns_names import domain
from vregion.api.schemas.network.qos_policies import POLICY_ID
from vregion.api.schemas.network.standard import ID, NAME, OWNER, STANDARD, STATUS
from vregion.api.schemas.network.values import bad, boolean, integer, list_of, non_negative, string


def hints(value: Any) -> list[str]:
    """Names of availability zones."""
    zones: list[str] = list_of(string())(value)
    if len(zones) > 10:
        raise bad("Invalid input for availability_zone_hints. Reason: Too many availability_zone_hints specified.")
    return zones


NETWORKS: Attributes = {
    "id": ID,
    "name": NAME,
    "subnets": shown("", sorts=False),
    "admin_state_up": Attribute(boolean, True, field="spec.admin_state_up", asked=boolean),
    "status": STATUS,
    **OWNER,
    "shared": Attribute(boolean, False, field="spec.shared", asked=boolean, sorts=False, only="admin"),
    "availability_zones": shown("", sorts=False),
    "mtu": Attribute(non_negative, 0, field="spec.mtu", asked=integer),
    "availability_zone_hints": Attribute(hints, [], put=False),
    "router:external": Attribute(
        boolean, False, field="spec.router:external", asked=boolean, sorts=False, only="nobody"
    ),
    "ipv4_address_scope": shown("", sorts=False),
    "ipv6_address_scope": shown("", sorts=False),
    "is_default": Attribute(boolean, False, field="spec.router:external", asked=boolean, sorts=False, only="nobody"),
    "port_security_enabled": Attribute(boolean, True),
    "dns_domain": Attribute(domain, ""),
    "qos_policy_id": POLICY_ID,
    "provider:network_type": Attribute(default=CHOSEN, only="nobody"),
    "provider:physical_network": Attribute(default=CHOSEN, only="nobody"),
    "provider:segmentation_id": Attribute(default=CHOSEN, only="nobody"),
    **STANDARD,
}
