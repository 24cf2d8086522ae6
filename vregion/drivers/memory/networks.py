"""Networks. `extra` of a network row holds what is taken on it: `ports`, `macs` and `addresses`, kept by the ports."""

from typing import Any, ClassVar

from vregion.drivers.contract import Permanent, Transient
from vregion.drivers.memory.cloud import MemoryCloud, Row
from vregion.drivers.memory.collection import Described
from vregion.drivers.memory.qos_policies import require_policy
from vregion.drivers.memory.subnets import Subnets
from vregion.model.resource import Kind

_DEFAULTS: dict[str, Any] = {
    "name": "", "admin_state_up": True, "mtu": 1450, "status": "ACTIVE", "shared": False, "port_security_enabled": True,
    "router:external": False, "vlan_transparent": False, "qinq": False, "is_default": False,
    "availability_zone_hints": [], "ipv4_address_scope": None, "ipv6_address_scope": None, "qos_policy_id": None,
}  # fmt: skip
_SEGMENT = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")


class Networks(Described):
    """Neutron's networks."""

    kind = Kind.NETWORK
    mutable: ClassVar[frozenset[str]] = frozenset({
        "name", "admin_state_up", "mtu", "port_security_enabled", "qos_policy_id",
    })  # fmt: skip

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        """Whatever the body has is kept and shown, provider attributes included, as an admin sees them."""
        owner = str(body.get("project_id", self.project))
        segment = {name: body[name] for name in _SEGMENT if name in body}
        if (owner != self.project or segment) and self.project not in self.cloud.administrators:
            raise Permanent("((rule:create_network and rule:create_network:provider)) is disallowed by policy", 403)
        self._refuse_use(segment)
        require_policy(self.cloud, self.project, body)
        made = {"subnets": [], "availability_zones": [self.cloud.availability_zone]}
        row = Networks(self.cloud, owner).add(_DEFAULTS | body | made, mark)
        row.extra = {"ports": {}, "macs": set(), "addresses": set()}
        row.release = lambda: self._release(row)
        return row

    @classmethod
    def to_the_outside(cls, cloud: MemoryCloud, cidr: str) -> str:
        """The provider's external network with one subnet; its id."""
        row = cls(cloud, "provider").make({"name": "public", "router:external": True}, None)
        subnet = {"name": "public-v4", "network_id": row.id, "ip_version": 4, "cidr": cidr, "enable_dhcp": False}
        Subnets(cloud, "provider").make(subnet | {"router:external": True}, None)
        return row.id

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        require_policy(self.cloud, self.project, fields)
        row.document |= fields

    def discard(self, row: Row) -> None:
        if row.extra["ports"]:
            raise Transient(
                f"Unable to complete operation on network {row.id}. There are one or more ports still in use on the "
                f"network, id for these ports is: {','.join(row.extra['ports'])}."
            )
        self.cloud.remove(row)

    def _refuse_use(self, segment: dict[str, Any]) -> None:
        """One network per segment, as far as this cloud knows."""
        for row in self.cloud.of(Kind.NETWORK) if segment else ():
            if all(row.document.get(name) == value for name, value in segment.items()):
                number, network = segment.get(_SEGMENT[2]), segment.get(_SEGMENT[1])
                words = f"The VLAN {number} on physical network {network} is in use."
                raise Permanent(f"Unable to create the network. {words}", 409)

    def _release(self, row: Row) -> None:
        """Subnets go with their network; ports too, when an admin takes it away."""
        for port in list(row.extra["ports"].values()):
            self.cloud.remove(port)
        for subnet in list(row.document["subnets"]):
            self.cloud.remove(self.cloud.rows[Kind.SUBNET][subnet])
