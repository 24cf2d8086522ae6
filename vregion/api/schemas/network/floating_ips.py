"""The attributes of floating IPs and port forwardings (neutron_lib/api/definitions/l3.py and its companions)."""

from typing import Any

from vregion.api.schemas.network.attributes import REQUIRED, Attribute, Attributes, shown
from vregion.api.schemas.network.dns_names import domain, relative_name
from vregion.api.schemas.network.qos_policies import POLICY_ID
from vregion.api.schemas.network.standard import ID, OWNER, STANDARD, STATUS
from vregion.api.schemas.network.values import (
    Wrong,
    address,
    address_or_none,
    between,
    invalid,
    string,
    uuid_or_none,
    uuid_text,
)
from vregion.model.refusals import Invalid

# Names that Neutron lets a forwarding have (neutron_lib constants IPTABLES_PROTOCOL_MAP); only these carry ports.
PROTOCOLS = ("tcp", "udp", "sctp", "dccp", "udplite")


_NUMBER = between(1, 65535)


def port_number(value: Any) -> int | None:
    """A port; null where a range says it."""
    try:
        return None if value is None else _NUMBER(value)
    except Invalid:
        raise Wrong(f"'{value}' is not an integer") from None


def port_range(value: Any) -> str | None:
    """'80:90', one port for itself, or null (neutron-lib validate_port_range_or_none); in the first form."""
    if value is None:
        return None
    parts = str(value).split(":")
    if len(parts) > 2 or "" in parts:
        raise Wrong("Port range must be two integers separated by a colon")
    for part in parts:
        if not part.isdecimal() or int(part) > 65535:
            raise Wrong(f"Invalid port: {part}")
        if int(part) < 1:
            raise Wrong(f"Invalid port: {part}, the port must be in the range [1, 65535]")
    if int(parts[0]) > int(parts[-1]):
        raise Wrong("First port in a port range must be lower than the second port")
    return f"{int(parts[0])}:{int(parts[-1])}"


def protocol(value: Any) -> str:
    """A transport protocol by name."""
    if value is None:
        raise Wrong("None is not in valid_values")
    if not isinstance(value, str):
        raise invalid(f"Input value {value} must be string type")
    name = value.lower()
    if name not in PROTOCOLS:
        words = "Only protocol names and their integer representation (0 to 255) are supported"
        raise invalid(f"IP protocol '{value}' is not supported. {words}")
    return name


FLOATING_IPS: Attributes = {
    "id": ID,
    "floating_ip_address": Attribute(address_or_none, None, put=False, field="spec.floating_ip_address", only="nobody"),
    "subnet_id": Attribute(uuid_or_none, None, put=False),
    "floating_network_id": Attribute(uuid_text, REQUIRED, put=False, field="spec.floating_network_id"),
    "router_id": Attribute(uuid_or_none, None, field="spec.router_id"),
    "port_id": Attribute(uuid_or_none, None, field="parent_id", sorts=False),
    "fixed_ip_address": Attribute(address_or_none, None, field="spec.fixed_ip_address"),
    **OWNER,
    "status": STATUS,
    "qos_policy_id": POLICY_ID,
    "dns_name": Attribute(relative_name, "", put=False),
    "dns_domain": Attribute(domain, "", put=False),
    "port_details": shown("", sorts=False),
    "port_forwardings": shown("", sorts=False),
    **STANDARD,
}

PORT_FORWARDINGS: Attributes = {
    "id": ID,
    "project_id": Attribute(string(), put=False),
    "tenant_id": Attribute(string(), put=False),
    "external_port": Attribute(port_number, None, field="external_port", asked=port_number),
    "external_port_range": Attribute(port_range, None, field="external_port_range"),
    "internal_port": Attribute(port_number, None),
    "internal_port_range": Attribute(port_range, None),
    "internal_ip_address": Attribute(address, REQUIRED),
    "protocol": Attribute(protocol, REQUIRED, field="protocol", asked=protocol),
    "internal_port_id": Attribute(uuid_text, REQUIRED, field="internal_port_id"),
    "description": Attribute(string(), "", field="description"),
}
