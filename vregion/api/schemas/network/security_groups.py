"""The attributes of security groups and their rules (29.0.0 `neutron/extensions/securitygroup.py`)."""

from typing import Any

from vregion.api.schemas.network.attributes import REQUIRED, Attribute, Attributes, shown
from vregion.api.schemas.network.standard import ID, OWNER, STANDARD
from vregion.api.schemas.network.values import boolean, one_of, remote_prefix, string
from vregion.model.refusals import Conflict, Invalid
from vregion.region.security_group_rules import PROTOCOLS

_ETHERTYPES = ["IPv4", "IPv6"]


def name(value: Any) -> str:
    """Any text but 'default'."""
    text = str(string()(value))
    if text.lower() == "default":
        raise Conflict("Default security group already exists.", reason="SecurityGroupDefaultAlreadyExists")
    return text


def protocol(value: Any) -> str | None:
    """A protocol by name or number; 'any' is none."""
    if value in (None, "any"):
        return None
    text = str(value).lower()
    if text in PROTOCOLS or (text.lstrip("-").isdecimal() and 0 <= int(text) <= 255):
        return text
    supported = (None, "any", *PROTOCOLS)
    message = (
        f"Security group rule protocol {value} not supported. Only protocol values {supported} and integer "
        "representations [0 to 255] are supported."
    )
    raise Invalid(message, reason="SecurityGroupRuleInvalidProtocol")


def ethertype(value: Any) -> str:
    """IPv4 or IPv6, however it is written."""
    for known in _ETHERTYPES:
        if isinstance(value, str) and value.lower() == known.lower():
            return known
    message = f"Security group rule for ethertype '{value}' not supported. Allowed values are {_ETHERTYPES}."
    raise Invalid(message, reason="SecurityGroupRuleInvalidEtherType")


def port(value: Any) -> int | None:
    """A port number, or ICMP's type or code."""
    if value is None:
        return None
    try:
        number = int(value)
    except (ValueError, TypeError):
        number = -1
    if 0 <= number <= 65535:
        return number
    raise Invalid(f"Invalid value for port {value}", reason="SecurityGroupInvalidPortValue")


SECURITY_GROUPS: Attributes = {
    "id": ID,
    "name": Attribute(name, "", field="name"),
    **OWNER,
    "shared": shown("spec.shared", asked=boolean, sorts=False),
    "security_group_rules": shown("", sorts=False),
    **STANDARD,
    "stateful": Attribute(boolean, True, field="spec.stateful", asked=boolean, sorts=False),
}
SECURITY_GROUP_RULES: Attributes = {
    "id": ID,
    "security_group_id": Attribute(string(36), REQUIRED, put=False, field="parent_id"),
    "remote_group_id": Attribute(default=None, put=False, field="spec.remote_group_id"),
    "remote_address_group_id": Attribute(default=None, put=False, field="spec.remote_address_group_id"),
    "direction": Attribute(one_of("ingress", "egress"), REQUIRED, put=False, field="spec.direction"),
    "protocol": Attribute(protocol, None, put=False, field="spec.protocol", asked=protocol),
    "port_range_min": Attribute(port, None, put=False, field="spec.port_range_min", asked=port),
    "port_range_max": Attribute(port, None, put=False, field="spec.port_range_max", asked=port),
    "ethertype": Attribute(ethertype, "IPv4", put=False, field="spec.ethertype", asked=ethertype),
    "remote_ip_prefix": Attribute(remote_prefix, None, put=False, field="spec.remote_ip_prefix"),
    "normalized_cidr": shown("", sorts=False),
    "belongs_to_default_sg": shown("spec.belongs_to_default_sg", asked=boolean, sorts=False),
    **OWNER,
    **{key: value for key, value in STANDARD.items() if key != "tags"},
}
