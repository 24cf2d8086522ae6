"""Floating IPs with their port forwardings, on one OpenStack cloud. Made by the driver; the mark is the description.

A create is one request and gives the address; port and port forwardings come by `update`. Forwardings that we make say
so in their description; any other is somebody else's and is not touched.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vregion.drivers.contract import Gone, Observed
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.marks import InDescription

OURS = "vregion"
_FORWARDINGS = "port_forwardings"
_KEY = ("protocol", "external_port", "external_port_range", "internal_port_id", "internal_ip_address",
        "internal_port", "internal_port_range")  # fmt: skip

Forwarding = Mapping[str, Any]


class FloatingIps(Resources):
    """Neutron's floating IPs."""

    word = "floatingip"
    path = "/floatingips"
    mark = InDescription()

    def failed(self, document: dict[str, Any]) -> str | None:
        """Neutron keeps no words for it."""
        return "the floating IP is in status ERROR" if document.get("status") == "ERROR" else None

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """Port and, where given, forwardings. Neutron lets a floating IP have either: what goes, goes first."""
        plain = {key: value for key, value in body.items() if key != _FORWARDINGS}
        if _FORWARDINGS not in body:
            return await super().update(external_id, plain)
        wanted = body[_FORWARDINGS]
        there = await self._forwardings(external_id, wanted)
        for forwarding in there:
            if forwarding.get("description") == OURS and not any(_same(one, forwarding) for one in wanted):
                await self._remove(external_id, forwarding)
        seen = await super().update(external_id, plain)
        missing = [one for one in wanted if not any(_same(one, other) for other in there)]
        for forwarding in missing:
            made = {key: value for key, value in forwarding.items() if value is not None} | {"description": OURS}
            await self.service.send("POST", self._below(external_id), {"port_forwarding": made}, own=external_id)
        return await self.get(external_id) if missing else seen

    async def _forwardings(self, external_id: str, wanted: Sequence[Forwarding]) -> list[dict[str, Any]]:
        """Those that are there; a cloud without the extension has none, and is not asked when none is wanted."""
        if not wanted:
            reply = await self.service.exchange("GET", self._below(external_id))
            return reply.part(_FORWARDINGS) if reply.status == 200 else []
        found: list[dict[str, Any]] = (await self.service.send("GET", self._below(external_id))).part(_FORWARDINGS)
        return found

    async def _remove(self, external_id: str, forwarding: Forwarding) -> None:
        try:
            path = f"{self._below(external_id)}/{forwarding['id']}"
            await self.service.send("DELETE", path, own=forwarding["id"])
        except Gone:
            return

    def _below(self, external_id: str) -> str:
        return f"{self.url(external_id)}/{_FORWARDINGS}"


def _same(wanted: Forwarding, there: Forwarding) -> bool:
    """Every key that is wanted is so; the backend adds the range to a single port and the other way round."""
    return all(str(there.get(key)) == str(wanted[key]) for key in _KEY if wanted.get(key) is not None)
