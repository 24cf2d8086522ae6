"""Security groups with their rules, on one OpenStack cloud. Made by the driver; the mark is Neutron's description.

A group is made with `create` and gets its rules by `update`, because a create must be one request. Rules that we
make say so in their description; the egress rules that Neutron puts into a fresh group are adopted when they are
wanted and removed when not; any other rule is somebody else's and is not touched. Rules are added before others are
removed: the group is never without the rules that it keeps. `address_groups` in an update say what is in those that
rules name, for clouds that have none. `remote_members` in an update are addresses of remote
groups' members on other clouds, by the group's id here: each rule that names such a group lets them in, too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vregion.drivers.contract import Gone, Observed
from vregion.drivers.openstack.address_groups import Members
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.marks import InDescription
from vregion.drivers.openstack.service import Service

OURS = "vregion"
MEMBERS = "remote_members"
GROUPS = "address_groups"
_RULES = "security_group_rules"
_ANYWHERE = {"0.0.0.0/0", "::/0"}
_SENT = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
    "remote_address_group_id",
)
# Names that Neutron takes for protocol numbers (neutron_lib constants IP_PROTOCOL_MAP).
_NUMBERS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "igmp": 2, "ipip": 4, "ipv4": 4,
    "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43,
    "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}  # fmt: skip

Rule = Mapping[str, Any]


class SecurityGroups(Resources):
    """Neutron's security groups."""

    word = "security_group"
    path = "/security-groups"
    mark = InDescription()

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._elsewhere = Members(service)

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed:
        """The group alone; the rules come by `update`."""
        return await super().create(mark, {key: value for key, value in body.items() if key != _RULES})

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """Make the name and, where given, the rules equal to what is wanted."""
        plain = {key: value for key, value in body.items() if key not in (_RULES, MEMBERS, GROUPS)}
        seen = await super().update(external_id, plain)
        if _RULES not in body:
            return seen
        rules = await self._spelled_out(body[_RULES], body.get(GROUPS, {}))
        reaching = await self._reaching(rules, body.get(MEMBERS, {}))
        wanted = {rule_key(rule): rule for rule in (*rules, *reaching)}
        present = seen.document[_RULES]
        missing = [rule for key, rule in wanted.items() if key not in {rule_key(one) for one in present}]
        born = seen.document.get("created_at")
        surplus = [rule for rule in present if _may_go(rule, born) and rule_key(rule) not in wanted]
        if not missing and not surplus:
            return seen
        await self._add(external_id, missing)
        await self._remove(surplus)
        return await self.get(external_id)

    async def delete(self, external_id: str) -> None:
        """The group with its rules, then what named its members elsewhere: the group's own rules may do so."""
        await super().delete(external_id)
        await self._elsewhere.forget(external_id)

    async def _spelled_out(self, rules: Sequence[Rule], groups: Mapping[str, Sequence[str]]) -> list[Rule]:
        """Where there are no address groups, a rule that names one is a rule for each of its prefixes."""
        if not groups or await self._elsewhere.available():
            return list(rules)
        named = [rule for rule in rules if rule.get("remote_address_group_id")]
        return [rule for rule in rules if rule not in named] + [
            {**rule, "remote_address_group_id": None, "remote_ip_prefix": address}
            for rule in named
            for address in groups[rule["remote_address_group_id"]]
            if (":" in address) == (rule.get("ethertype") == "IPv6")
        ]

    async def _reaching(self, rules: Sequence[Rule], members: Mapping[str, Sequence[str]]) -> list[Rule]:
        """What lets the members of remote groups in that are on other clouds: each rule once more, by address."""
        if not members:
            return []
        if not await self._elsewhere.available():
            return [
                {**rule, "remote_group_id": None, "remote_ip_prefix": address}
                for rule in rules
                for address in members.get(rule.get("remote_group_id") or "", ())
                if (":" in address) == (rule.get("ethertype") == "IPv6")
            ]
        named = {group_id: await self._elsewhere.equal(group_id, members[group_id]) for group_id in sorted(members)}
        return [
            {**rule, "remote_group_id": None, "remote_address_group_id": address_group}
            for rule in rules
            if (address_group := named.get(rule.get("remote_group_id") or ""))
        ]

    async def _add(self, external_id: str, rules: Sequence[Rule]) -> None:
        if not rules:
            return
        made = [
            {
                **{key: rule[key] for key in _SENT if rule.get(key) is not None},
                "security_group_id": external_id,
                "description": OURS,
            }
            for rule in rules
        ]
        await self.service.send("POST", "/security-group-rules", {_RULES: made}, own=external_id)

    async def _remove(self, rules: Sequence[Rule]) -> None:
        for rule in rules:
            try:
                await self.service.send("DELETE", f"/security-group-rules/{rule['id']}", own=rule["id"])
            except Gone:
                continue


def rule_key(rule: Rule) -> tuple[str, ...]:
    """What makes two rules one for Neutron (neutron/db/securitygroups_db.py `_rule_to_key`)."""
    ethertype = str(rule.get("ethertype") or "IPv4")
    ports = [str(rule.get(key)) for key in ("port_range_min", "port_range_max")]
    remotes = [str(rule.get(key)) for key in ("remote_group_id", "remote_address_group_id")]
    return (str(rule["direction"]), ethertype, _protocol(rule, ethertype), _prefix(rule, ethertype), *ports, *remotes)


def _protocol(rule: Rule, ethertype: str) -> str:
    given = rule.get("protocol")
    if given is None or str(given).lower() == "any":
        return "any"
    name = str(given).lower()
    number = _NUMBERS.get(name, name)
    return str(58 if ethertype == "IPv6" and str(number) == "1" else number)


def _prefix(rule: Rule, ethertype: str) -> str:
    given = rule.get("remote_ip_prefix")
    if given is None or given in _ANYWHERE:
        return "any"
    whole = "32" if ethertype == "IPv4" else "128"
    return str(given).lower() if "/" in str(given) else f"{given}/{whole}".lower()


def _may_go(rule: Rule, born: str | None) -> bool:
    """A rule of ours, or one of those that Neutron made together with the group.

    These are all egress of either ethertype, or what the cloud's templates say (neutron/db/securitygroups_db.py
    `_create_rules_from_template`): undescribed, and made in the second in which the group was born.
    """
    if rule.get("description") == OURS:
        return True
    narrowed = any(rule.get(key) is not None for key in _SENT if key not in ("direction", "ethertype"))
    usual = rule["direction"] == "egress" and not narrowed
    return not rule.get("description") and (usual or (born is not None and rule.get("created_at") == born))
