"""Address groups: prefixes under a name. One that a rule of a security group names stays."""

from ipaddress import ip_network
from typing import Any, ClassVar

from vregion.drivers.contract import Permanent, Transient
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import Described
from vregion.model.resource import Kind


class AddressGroups(Described):
    """Neutron's address groups."""

    kind = Kind.ADDRESS_GROUP
    mutable: ClassVar[frozenset[str]] = frozenset({"name", "addresses"})

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        return self.add({"name": body.get("name", ""), "addresses": _addresses(body.get("addresses") or [])}, mark)

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        if "addresses" in fields:
            fields["addresses"] = _addresses(fields["addresses"])
        row.document |= fields

    def discard(self, row: Row) -> None:
        for group in self.cloud.of(Kind.SECURITY_GROUP):
            if any(rule["remote_address_group_id"] == row.id for rule in group.document["security_group_rules"]):
                raise Transient(f"Address group {row.id} is in use on one or more security group rules.")
        self.cloud.remove(row)


def _addresses(given: list[str]) -> list[str]:
    try:
        return sorted(str(ip_network(address, strict=False)) for address in given)
    except ValueError as error:
        raise Permanent(f"Invalid input for addresses. Reason: {error}.") from None
