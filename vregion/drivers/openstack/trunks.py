"""Trunks with their sub-ports, on one OpenStack cloud. Made by the driver; the mark is Neutron's description.

Sub-ports are put and taken by calls of their own, which Neutron refuses, as it does a delete, while the trunk is
disabled: then it is enabled for the moment. What goes, goes first.
"""

from collections.abc import Mapping
from typing import Any

from vregion.drivers.contract import Gone, Observed
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.extensions import Extensions
from vregion.drivers.openstack.marks import InDescription
from vregion.drivers.openstack.service import Service

_SUBPORTS = "sub_ports"
_SENT = ("port_id", "segmentation_type", "segmentation_id")


class Trunks(Resources):
    """Neutron's trunks."""

    word = "trunk"
    path = "/trunks"
    mark = InDescription()

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._extensions = Extensions(service)

    def settled(self, document: dict[str, Any]) -> bool:
        """BUILD passes; a trunk is DOWN as long as no server has its parent port."""
        return document.get("status") != "BUILD"

    def failed(self, document: dict[str, Any]) -> str | None:
        """Neutron keeps no words for it."""
        return "the trunk is in status ERROR" if document.get("status") == "ERROR" else None

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed:
        """One request, sub-ports and all. Raises Unsupported where Neutron has no trunks."""
        await self._extensions.require("trunk")
        return await super().create(mark, body)

    async def find(self, mark: str) -> Observed | None:
        """Where there are no trunks there is none."""
        return await super().find(mark) if await self._extensions.have("trunk") else None

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """Sub-ports first, then name and state."""
        plain = {key: value for key, value in body.items() if key != _SUBPORTS}
        there = {_key(one): one for one in (await self.raw(external_id))[_SUBPORTS]}
        wanted = {_key(one): one for one in body.get(_SUBPORTS, there.values())}
        surplus = [{"port_id": there[key]["port_id"]} for key in sorted(there.keys() - wanted.keys())]
        missing = [{name: wanted[key][name] for name in _SENT} for key in sorted(wanted.keys() - there.keys())]
        if surplus or missing:
            await super().update(external_id, {"admin_state_up": True})
        for operation, sub_ports in (("remove_subports", surplus), ("add_subports", missing)):
            if sub_ports:
                path = f"{self.url(external_id)}/{operation}"
                await self.service.send("PUT", path, {_SUBPORTS: sub_ports}, own=external_id)
        return await super().update(external_id, plain)

    async def delete(self, external_id: str) -> None:
        """Gone already is fine."""
        try:
            await super().update(external_id, {"admin_state_up": True})
        except Gone:
            return
        await super().delete(external_id)


def _key(one: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(one[name]) for name in _SENT)
