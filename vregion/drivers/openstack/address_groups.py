"""Address groups on one OpenStack cloud: the members that a security group has on other clouds. Made by the driver.

One per security group that has any, found by its description, for which no other has the words. Where a Neutron lacks
them the security groups write prefixes into their rules instead. Addresses are added before others are removed.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Any

from vregion.drivers.contract import Gone, Permanent, Transient
from vregion.drivers.openstack.marks import PREFIX
from vregion.drivers.openstack.service import Service

_PATH = "/address-groups"
_NEEDED = ("address-group", "security-groups-remote-address-group")


class AddressGroups:
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
        there = found[0]
        present = {str(ip_network(address, strict=False)) for address in there["addresses"]}
        await self._change(there["id"], "add_addresses", sorted(wanted - present))
        await self._change(there["id"], "remove_addresses", sorted(present - wanted))
        return str(there["id"]) if wanted else None

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
