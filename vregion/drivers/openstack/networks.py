"""Networks on one OpenStack cloud. Made by the driver; the mark is Neutron's description."""

from typing import Any

from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.marks import InDescription


class Networks(Resources):
    """Neutron's networks."""

    word = "network"
    path = "/networks"
    mark = InDescription()

    def settled(self, document: dict[str, Any]) -> bool:
        """BUILD is the one status that passes (neutron_lib constants NET_STATUS_BUILD)."""
        return document.get("status") != "BUILD"

    def failed(self, document: dict[str, Any]) -> str | None:
        """Neutron keeps no words for it."""
        return "the network is in status ERROR" if document.get("status") == "ERROR" else None
