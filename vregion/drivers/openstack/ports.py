"""Ports on one OpenStack cloud. Made by the driver; the mark is Neutron's description.

A port that is a router's interface is deleted by taking it off the router: Neutron refuses to delete it as a port.

The feed asks Neutron for the few fields that change by themselves: a port's whole document costs it many joins.
"""

from datetime import datetime
from typing import Any

from vregion.drivers.contract import Changes, Gone
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.faults import error_of, fault_of
from vregion.drivers.openstack.marks import InDescription

_FED = (
    "id",
    "name",
    "network_id",
    "status",
    "admin_state_up",
    "mac_address",
    "fixed_ips",
    "device_id",
    "device_owner",
    "security_groups",
    "updated_at",
)


class Ports(Resources):
    """Neutron's ports."""

    word = "port"
    path = "/ports"
    mark = InDescription()

    def settled(self, document: dict[str, Any]) -> bool:
        """DOWN is where an unplugged port stays; only BUILD passes."""
        return document.get("status") != "BUILD"

    def failed(self, document: dict[str, Any]) -> str | None:
        """ERROR comes from the mechanism drivers, without words."""
        return "the port is in status ERROR" if document.get("status") == "ERROR" else None

    async def delete(self, external_id: str) -> None:
        """Gone already is fine."""
        reply = await self.service.exchange("DELETE", self.url(external_id))
        if reply.status < 300:
            return
        fault, error = fault_of(reply.body), error_of(reply, external_id)
        if isinstance(error, Gone):
            return
        if fault is None or fault.name != "ServicePortInUse":
            raise error
        port = await self.raw(external_id)
        if port["device_owner"] != "network:router_interface":
            raise error
        path = f"/routers/{port['device_id']}/remove_router_interface"
        await self.service.send("PUT", path, {"port_id": external_id})

    async def changes(self, since: datetime | None) -> Changes:
        """All ports in one listing: Neutron tells changes since a time, but never what was deleted."""
        return await self.listed([("fields", name) for name in _FED])
