"""Rules of security groups: what is a sound rule, and when two rules are one. `security_groups` calls; no rows here.

The order of the checks is Neutron's, because it decides which fault a doubly wrong rule gets (29.0.0
`neutron/db/securitygroups_db.py` _validate_base_security_group_rule_attributes).
"""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from vregion.model.refusals import Conflict, Invalid
from vregion.model.resource import Resource
from vregion.region import standard_attributes as standard

Rule = dict[str, Any]

# Names that Neutron takes for protocol numbers, in its order (neutron_lib/constants.py IP_PROTOCOL_MAP).
PROTOCOLS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": 1, "igmp": 2, "ip": 0, "ipip": 4,
    "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "icmpv6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60,
    "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136,
    "vrrp": 112,
}  # fmt: skip
_WITH_PORTS = {33, 132, 6, 17, 136}
_ICMP = {1, 58}
_ONLY_IPV6 = {"ipv6-encap", "ipv6-frag", "ipv6-icmp", "icmpv6", "ipv6-nonxt", "ipv6-opts", "ipv6-route",
              "41", "44", "58", "59", "60", "43"}  # fmt: skip
_ALL_PORTS = (1, 65535)
_KEY = ("direction", "ethertype", "port_range_max", "port_range_min", "remote_group_id", "remote_address_group_id")
_ANYWHERE = ("0.0.0.0/0", "::/0", None)
EGRESS = [{"direction": "egress", "ethertype": version} for version in ("IPv4", "IPv6")]


def full(rule: Rule) -> Rule:
    """A rule with every field that a rule has."""
    names = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix")
    remotes = {"remote_group_id": None, "remote_address_group_id": None}
    return {"description": "", **remotes, **{name: rule.get(name) for name in names}, **rule}


def document(rule: Resource) -> Rule:
    """What a show answers, and what its group shows inside."""
    spec = rule.spec
    prefix = spec["remote_ip_prefix"]
    times = {key: value for key, value in standard.tail(rule).items() if key != "tags"}
    return {
        "id": rule.id,
        **standard.owned(rule),
        "security_group_id": rule.parent_id,
        "ethertype": spec["ethertype"],
        "direction": spec["direction"],
        "protocol": spec["protocol"],
        "port_range_min": spec["port_range_min"],
        "port_range_max": spec["port_range_max"],
        "remote_ip_prefix": prefix,
        "normalized_cidr": str(ip_network(prefix, strict=False)) if prefix else None,
        "remote_group_id": spec["remote_group_id"],
        "remote_address_group_id": spec.get("remote_address_group_id"),
        "belongs_to_default_sg": spec["belongs_to_default_sg"],
        **times,
    }


def checked(rule: Rule) -> Rule:
    """The rule in Neutron's canonical form. Raises Invalid."""
    rule = dict(rule)
    if rule["ethertype"] == "IPv6":
        rule["protocol"] = {"icmp": "ipv6-icmp", "icmpv6": "ipv6-icmp", "1": "58"}.get(
            rule["protocol"], rule["protocol"]
        )
    if (rule["port_range_min"], rule["port_range_max"]) == _ALL_PORTS:
        rule["port_range_min"] = rule["port_range_max"] = None
    _check_ports(rule)
    prefix = rule["remote_ip_prefix"]
    if prefix and rule["ethertype"] != f"IPv{ip_network(prefix, strict=False).version}":
        message = f"Conflicting value ethertype {rule['ethertype']} for CIDR {prefix}"
        raise Invalid(message, reason="SecurityGroupRuleParameterConflict")
    if rule["protocol"] in _ONLY_IPV6 and rule["ethertype"] == "IPv4":
        message = f"Invalid ethertype IPv4 for protocol {rule['protocol']}."
        raise Invalid(message, reason="SecurityGroupEthertypeConflictWithProtocol")
    if sum(1 for remote in (prefix, rule["remote_group_id"], rule["remote_address_group_id"]) if remote) > 1:
        message = "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided."
        raise Invalid(message, reason="SecurityGroupMultipleRemoteEntites")
    return rule


def _check_ports(rule: Rule) -> None:
    low, high = rule["port_range_min"], rule["port_range_max"]
    if low is None and high is None:
        return
    if not rule["protocol"]:
        message = "Must also specify protocol if port range is given."
        raise Invalid(message, reason="SecurityGroupProtocolRequiredWithPorts")
    number = protocol_number(rule["protocol"])
    if number in _WITH_PORTS:
        if 0 in (low, high):
            raise Invalid("Invalid value for port 0", reason="SecurityGroupInvalidPortValue")
        if low is None or high is None or low > high:
            message = "For TCP/UDP protocols, port_range_min must be <= port_range_max"
            raise Invalid(message, reason="SecurityGroupInvalidPortRange")
    elif number in _ICMP:
        _check_icmp(low, high)
    else:
        message = (
            f"Ports cannot be specified for protocol {number}. "
            "Ports are only supported for DCCP, SCTP, TCP, UDP, UDPLITE."
        )
        raise Invalid(message, reason="SecurityGroupInvalidProtocolForPort")


def _check_icmp(kind: int | None, code: int | None) -> None:
    for name, field, value in (("port_range_min", "type", kind), ("port_range_max", "code", code)):
        if value is not None and not 0 <= value <= 255:
            message = f"Invalid value for ICMP {field} ({name}) {value}. It must be 0 to 255."
            raise Invalid(message, reason="SecurityGroupInvalidIcmpValue")
    if kind is None:
        message = f"ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is missing."
        raise Invalid(message, reason="SecurityGroupMissingIcmpType")


def protocol_number(protocol: str) -> int:
    """A protocol's number, given by name or number."""
    return PROTOCOLS[protocol] if protocol in PROTOCOLS else int(protocol)


def key(rule: Rule) -> tuple[Any, ...]:
    """Equal for two rules that Neutron takes for one (_rule_to_key)."""
    protocol = None if rule["protocol"] in (None, "any") else protocol_number(rule["protocol"])
    prefix = None if rule["remote_ip_prefix"] in _ANYWHERE else rule["remote_ip_prefix"]
    return (*(rule.get(name) for name in _KEY), protocol, prefix)


def check_new(rules: Iterable[Rule], present: Iterable[Resource]) -> None:
    """Raises Conflict when a rule is there already, or twice in the request."""
    keys = set()
    for rule in rules:
        if key(rule) in keys:
            raise Conflict("Duplicate Security Group Rule in POST.", reason="DuplicateSecurityGroupRuleInPost")
        keys.add(key(rule))
    for known in present:
        if key(known.spec) in keys:
            message = f"Security group rule already exists. Rule id is {known.id}."
            raise Conflict(message, reason="SecurityGroupRuleExists")
