"""Routers on one OpenStack cloud. Made by the driver; the mark is Neutron's description.

Interfaces and extra routes are live calls below a router (`/add_router_interface`, `/add_extraroutes`, ...).
"""

from typing import Any

from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.marks import InDescription


class Routers(Resources):
    """Neutron's routers."""

    word = "router"
    path = "/routers"
    mark = InDescription()

    def settled(self, document: dict[str, Any]) -> bool:
        """ALLOCATING is the one status that passes (neutron_lib constants ROUTER_STATUS_ALLOCATING, of HA routers)."""
        return document.get("status") != "ALLOCATING"

    def failed(self, document: dict[str, Any]) -> str | None:
        """Neutron keeps no words for it."""
        return "the router is in status ERROR" if document.get("status") == "ERROR" else None
