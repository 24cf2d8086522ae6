"""Address groups on one OpenStack cloud: the tenant's, and the members that a security group has on other clouds.

The latter are one per security group that has any, found by its description, for which no other has the words. Where
a Neutron lacks address groups, the security groups write prefixes into their rules instead, and one of the tenant's is
there by name only: its external id is our mark. Addresses are added before others are removed. Made by the driver.
"""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from vregion.drivers.contract import Gone, Observed, Permanent, Transient
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.marks import PREFIX, InDescription
from vregion.drivers.openstack.service import Service

_PATH = "/address-groups"
_NEEDED = ("address-group", "security-groups-remote-address-group")


class AddressGroups(Resources):
    """The tenant's address groups."""

    word = "address_group"
    path = _PATH
    mark = InDescription()

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._members = Members(service)

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed:
        """The group, or what stands for it where there are none."""
        if await self._members.available():
            return await super().create(mark, body)
        return _stand_in(PREFIX + mark)

    async def get(self, external_id: str) -> Observed:
        """What stands for a group is always there."""
        return _stand_in(external_id) if external_id.startswith(PREFIX) else await super().get(external_id)

    async def find(self, mark: str) -> Observed | None:
        """What stands for a group is nowhere to be found, and made again."""
        return await super().find(mark) if await self._members.available() else None

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """The name by Neutron's update, the addresses by calls of their own."""
        if external_id.startswith(PREFIX):
            return _stand_in(external_id)
        plain = {key: value for key, value in body.items() if key != "addresses"}
        seen = await super().update(external_id, plain)
        if "addresses" not in body or set(body["addresses"]) == set(seen.document["addresses"]):
            return seen
        await self._members.fit(external_id, seen.document["addresses"], body["addresses"])
        return await self.get(external_id)

    async def delete(self, external_id: str) -> None:
        """A rule that still names it goes soon: the security group was told before."""
        if not external_id.startswith(PREFIX):
            await super().delete(external_id)


def _stand_in(external_id: str) -> Observed:
    return Observed(external_id, {"id": external_id}, settled=True, failed=None)


class Members:
    """By the external id of the security group whose members elsewhere they hold."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._there: bool | None = None

    async def available(self) -> bool:
        """Whether this Neutron has address groups, and rules that name them; asked once."""
        if self._there is None:
            reply = await self._service.send("GET", "/extensions", params=[("fields", "alias")])
            aliases = {extension["alias"] for extension in reply.part("extensions")}
            self._there = all(alias in aliases for alias in _NEEDED)
        return self._there

    async def equal(self, group_id: str, addresses: Iterable[str]) -> str | None:
        """Hold exactly these prefixes; the address group's id, or None while there is nothing to name."""
        wanted = {str(ip_network(address, strict=False)) for address in addresses}
        found = await self._find(group_id)
        if not found:
            return await self._make(group_id, sorted(wanted)) if wanted else None
        await self.fit(found[0]["id"], found[0]["addresses"], wanted)
        return str(found[0]["id"]) if wanted else None

    async def fit(self, own: str, there: Iterable[str], wanted: Iterable[str]) -> None:
        """Make an address group hold exactly these."""
        present = {str(ip_network(address, strict=False)) for address in there}
        await self._change(own, "add_addresses", sorted(set(wanted) - present))
        await self._change(own, "remove_addresses", sorted(present - set(wanted)))

    async def forget(self, group_id: str) -> None:
        """The security group is gone. Permanent (409) while a rule of another one names its members."""
        if not await self.available():
            return
        for there in await self._find(group_id):
            try:
                await self._service.send("DELETE", f"{_PATH}/{there['id']}", own=there["id"])
            except Gone:
                continue

    async def _find(self, group_id: str) -> list[dict[str, Any]]:
        """The oldest first, as two processes may have made one each."""
        reply = await self._service.send("GET", _PATH, params=[("description", _mark(group_id))])
        mine = [one for one in reply.part("address_groups") if one.get("description") == _mark(group_id)]
        return sorted(mine, key=lambda one: str(one["id"]))

    async def _make(self, group_id: str, addresses: Sequence[str]) -> str:
        body = {"name": "vregion-members", "description": _mark(group_id), "addresses": addresses}
        return str((await self._service.send("POST", _PATH, {"address_group": body})).part("address_group")["id"])

    async def _change(self, own: str, operation: str, addresses: Sequence[str]) -> None:
        """The body of these two is not wrapped in its noun (neutron 29 `db/address_group_db.py` add_addresses).

        Somebody who was quicker makes Neutron refuse (AddressesAlreadyExist, AddressesNotFound): look again.
        """
        if not addresses:
            return
        try:
            await self._service.send("PUT", f"{_PATH}/{own}/{operation}", {"addresses": addresses})
        except (Permanent, Gone) as refused:
            raise Transient(f"{operation}: {refused.message}") from refused


def _mark(group_id: str) -> str:
    return f"{PREFIX}members of {group_id}"
