"""Floating IPs: an address from outside, and the port that it leads to, or port forwardings to several.

Forwardings that we make are described as 'vregion'; an update makes ours equal to the wanted list and leaves others.
"""

import uuid
from typing import Any, ClassVar

from vregion.drivers.contract import Permanent
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import Described
from vregion.drivers.memory.qos_policies import require_policy
from vregion.drivers.memory.routers import interfaces, outside, status_of
from vregion.model.resource import Kind

_FREE: dict[str, Any] = {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": "DOWN"}


class FloatingIps(Described):
    """Neutron's floating IPs."""

    kind = Kind.FLOATING_IP
    required = ("floating_network_id",)
    mutable: ClassVar[frozenset[str]] = frozenset({
        "port_id", "fixed_ip_address", "router_id", "port_forwardings", "qos_policy_id",
    })  # fmt: skip

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        network = self.network(body["floating_network_id"])
        if not network.document["router:external"]:
            raise Permanent(f"Bad floatingip request: Network {network.id} is not a valid external network.")
        address = outside(self.cloud, network, body.get("subnet_id"))["ip_address"]
        require_policy(self.cloud, self.project, body)
        document = {"floating_network_id": network.id, "floating_ip_address": address, "port_forwardings": []}
        row = self.add(_FREE | document | {"qos_policy_id": body.get("qos_policy_id")}, mark)
        row.release = lambda: network.extra["addresses"].discard(address)
        return row

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        require_policy(self.cloud, self.project, fields)
        if "qos_policy_id" in fields:
            row.document["qos_policy_id"] = fields["qos_policy_id"]
        if fields.keys() & _FREE.keys():
            port_id = fields.pop("port_id", row.document["port_id"])
            fixed, router_id = fields.pop("fixed_ip_address", None), fields.pop("router_id", None)
            row.document |= self._associated(row, port_id, fixed, router_id) if port_id else _FREE
            fields = {name: value for name, value in fields.items() if name != "fixed_ip_address"}
        if (wanted := fields.get("port_forwardings")) is not None:
            row.document["port_forwardings"] = [self._forwarding(row, one) for one in wanted]

    def _associated(self, row: Row, port_id: str, fixed: str | None, router_id: str | None) -> dict[str, Any]:
        port = self.cloud.visible(Kind.PORT, port_id, self.project)
        if port is None:
            raise Permanent(f"Port {port_id} could not be found.", 404)
        address = fixed or port.document["fixed_ips"][0]["ip_address"]
        router = self._router(row, port, address, router_id)
        status = status_of(router)
        return {"port_id": port_id, "fixed_ip_address": address, "router_id": router.id, "status": status}

    def _router(self, row: Row, port: Row, address: str, chosen: str | None = None) -> Row:
        """One that joins the port's subnet with the outside: the chosen one, else best the subnet's gateway."""
        subnet = next(ip["subnet_id"] for ip in port.document["fixed_ips"] if ip["ip_address"] == address)
        found: list[tuple[bool, str, Row]] = []
        for router in self.cloud.of(Kind.ROUTER):
            gateway = router.document["external_gateway_info"] or {}
            ips = [ip for one in interfaces(self.cloud, router.id) for ip in one.document["fixed_ips"]]
            outside = gateway.get("network_id") == row.document["floating_network_id"]
            on = [ip["ip_address"] for ip in ips if ip["subnet_id"] == subnet]
            if outside and on and chosen in (None, router.id):
                known = self.cloud.visible(Kind.SUBNET, subnet, self.project)
                best = known is not None and known.document["gateway_ip"] in on
                found.append((not best, router.id, router))
        if found:
            return min(found)[2]
        words = f"External network {row.document['floating_network_id']} is not reachable from subnet {subnet}."
        raise Permanent(f"{words}  Therefore, cannot associate Port {port.id} with a Floating IP.", 404)

    def _forwarding(self, row: Row, wanted: dict[str, Any]) -> dict[str, Any]:
        if row.document["port_id"]:
            raise Permanent(f"Floating IP {row.id} has a port: it cannot forward.", 409)
        port = self.cloud.visible(Kind.PORT, wanted["internal_port_id"], self.project)
        if port is None:
            raise Permanent(f"Port {wanted['internal_port_id']} could not be found.", 404)
        self._router(row, port, wanted["internal_ip_address"])
        known = {_outer(one): one["id"] for one in row.document["port_forwardings"]}
        name = known.get(_outer(wanted)) or str(uuid.uuid4())
        return wanted | {"id": name, "description": "vregion"}


def _outer(forwarding: dict[str, Any]) -> tuple[Any, ...]:
    """What no two forwardings of a floating IP share."""
    return tuple(forwarding.get(name) for name in ("protocol", "external_port", "external_port_range"))
