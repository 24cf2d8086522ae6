"""Security groups. An update makes a group's rules equal to the wanted list, as the contract's users expect.

Rules made by us carry the description 'vregion'; the two egress rules that Neutron gives a fresh group are ours to
adopt or remove; a rule that somebody else made is left alone.
"""

import uuid
from typing import Any, ClassVar

from vregion.drivers.contract import Permanent, Transient
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import Described
from vregion.model.resource import Kind

_FIELDS = (
    "direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id",
    "remote_address_group_id",
)  # fmt: skip


class SecurityGroups(Described):
    """Neutron's security groups with their rules."""

    kind = Kind.SECURITY_GROUP
    required = ("name",)
    mutable: ClassVar[frozenset[str]] = frozenset(
        {"name", "stateful", "security_group_rules", "remote_members", "address_groups"}
    )

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        """The rules come by update, as Neutron takes none with the group."""
        document = {"name": body["name"], "stateful": body.get("stateful", True), "shared": False}
        row = self.add(document, mark)
        every = [{"direction": "egress", "ethertype": version} for version in ("IPv4", "IPv6")]
        row.document["security_group_rules"] = [self._rule(row, rule, None) for rule in every]
        row.release = lambda: self._release(row)
        return row

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        members = fields.pop("remote_members", {})
        fields.pop("address_groups", None)
        if (wanted := fields.pop("security_group_rules", None)) is not None:
            for rule in wanted:
                group = rule.get("remote_group_id")
                if group and not self.cloud.visible(self.kind, group, self.project):
                    raise Permanent(f"Security group {group} does not exist", 404)
                named = rule.get("remote_address_group_id")
                if named and not self.cloud.visible(Kind.ADDRESS_GROUP, named, self.project):
                    raise Permanent(f"Address group {named} could not be found.", 404)
            self.cloud.address_groups |= members
            wanted = wanted + [
                rule | {"remote_group_id": None, "remote_address_group_id": f"members of {rule['remote_group_id']}"}
                for rule in wanted
                if members.get(rule.get("remote_group_id"))
            ]
            row.document["security_group_rules"] = self._equalled(row, wanted)
        row.document |= fields

    def discard(self, row: Row) -> None:
        if self._users(row):
            raise Transient(f"Security Group {row.id} in use.")
        self.cloud.remove(row)

    def _release(self, row: Row) -> None:
        self.cloud.address_groups.pop(row.id, None)
        for port in self._users(row):
            port.document["security_groups"].remove(row.id)

    def _users(self, row: Row) -> list[Row]:
        return [port for port in self.cloud.of(Kind.PORT) if row.id in port.document["security_groups"]]

    def default(self) -> Row:
        """The group that each project has from its first port on."""
        for row in self.cloud.of(self.kind, self.project):
            if row.document["name"] == "default":
                return row
        return self.make({"name": "default"}, None)

    def _equalled(self, row: Row, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        keys = {_key(rule): rule for rule in wanted}
        automatic = {_key({"direction": "egress", "ethertype": version}) for version in ("IPv4", "IPv6")}
        kept = []
        for rule in row.document["security_group_rules"]:
            ours = rule["description"] == "vregion" or (rule["description"] is None and _key(rule) in automatic)
            if not ours or _key(rule) in keys:
                kept.append(rule)
        there = {_key(rule) for rule in kept}
        return kept + [self._rule(row, rule, "vregion") for key, rule in keys.items() if key not in there]

    def _rule(self, row: Row, rule: dict[str, Any], description: str | None) -> dict[str, Any]:
        made = {"id": str(uuid.uuid4()), "security_group_id": row.id} | dict(zip(_FIELDS, _key(rule), strict=True))
        own = {"project_id": self.project, "tenant_id": self.project, "description": description, "revision_number": 0}
        rest: dict[str, Any] = {"normalized_cidr": made["remote_ip_prefix"], "belongs_to_default_sg": False, "tags": []}
        return made | own | rest


def _key(rule: dict[str, Any]) -> tuple[Any, ...]:
    """What makes two rules the same rule."""
    protocol = rule.get("protocol")
    normal = {"ethertype": rule.get("ethertype", "IPv4"), "protocol": str(protocol).lower() if protocol else None}
    return tuple((rule | normal).get(name) for name in _FIELDS)
