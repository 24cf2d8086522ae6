"""Which extensions a Neutron has loaded. Made for the collections whose resources not every Neutron knows."""

from vregion.drivers.contract import Unsupported
from vregion.drivers.openstack.service import Service


class Extensions:
    """Asked once."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._loaded: frozenset[str] | None = None

    async def have(self, alias: str) -> bool:
        """Whether that one is there."""
        if self._loaded is None:
            reply = await self._service.send("GET", "/extensions", params=[("fields", "alias")])
            self._loaded = frozenset(extension["alias"] for extension in reply.part("extensions"))
        return alias in self._loaded

    async def require(self, alias: str) -> None:
        """Raises Unsupported in words for the tenant."""
        if not await self.have(alias):
            raise Unsupported(f"network.{alias}: the zone's Neutron has no such extension")
