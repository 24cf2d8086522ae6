"""A VLAN on a physical network that the backends share: a switched link, or a provider's own Ethernet service.

The backend's Neutron lets only an administrator choose physical network and VLAN (create_network:provider:*), so the
provider's credential makes the network, for the tenant's project. Neutron knows its own use of VLANs only, and an id
outside of `network_vlan_ranges` is accepted (neutron 29 `plugins/ml2/drivers/type_vlan.py` validate_provider_segment):
that no two tenants have one is seen to by the directory alone.
"""

from collections.abc import Mapping
from typing import Any

from vregion.drivers.contract import Observed
from vregion.drivers.interconnects.contract import Place
from vregion.model.resource import Kind

_NEEDED = {
    "network.segments": "its credential there is no administrator's, and chooses no VLAN",
    "network.provider": "its Neutron has no provider networks",
}


class Vlan:
    """IEEE 802.1Q."""

    layers = frozenset({2, 3})
    numbers = range(1, 4095)

    def wrong(self, capabilities: frozenset[str]) -> str:
        """An administrator's credential, and provider networks."""
        return "; ".join(words for name, words in _NEEDED.items() if name not in capabilities)

    async def create(self, place: Place, mark: str, body: Mapping[str, Any]) -> Observed:
        """Made by the provider, owned by the tenant."""
        wanted = {
            **body,
            "project_id": await place.tenant.project(),
            "provider:network_type": "vlan",
            "provider:physical_network": place.interconnect.members[place.backend_id],
            "provider:segmentation_id": place.number,
        }
        return await place.provider.collections[Kind.NETWORK].create(mark, wanted)

    async def tie(self, place: Place, external_id: str) -> None:
        """The VLAN is the tie."""
