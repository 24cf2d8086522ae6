"""Routers: interfaces (ports with the router as device), extra routes, and a gateway with an address from outside.

`require_unused` is the ports' question before an interface is taken away.
"""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any, ClassVar

from vregion.drivers.contract import Answer, Exhausted, Permanent, Transient
from vregion.drivers.memory.cloud import MemoryCloud, Row
from vregion.drivers.memory.collection import Described
from vregion.drivers.memory.qos_policies import require_policy
from vregion.drivers.memory.subnets import free
from vregion.model.resource import Kind

INTERFACE = "network:router_interface"
_GATEWAY = "external_gateway_info"


class Routers(Described):
    """Neutron's routers."""

    kind = Kind.ROUTER
    mutable: ClassVar[frozenset[str]] = frozenset({"name", "admin_state_up", "routes", _GATEWAY})

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        gateway = self._gateway(body.get(_GATEWAY))
        plain = {"name": "", "admin_state_up": True, "status": "ACTIVE", "routes": [], "availability_zone_hints": []}
        zones = {"availability_zones": [self.cloud.availability_zone]}
        row = self.add(plain | body | zones | {_GATEWAY: gateway}, mark)
        row.extra["more"] = []  # gateways beside the first
        row.release = lambda: self._free(_gateways(row))
        return row

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        if _GATEWAY in fields:
            before, wanted = row.document[_GATEWAY], fields.pop(_GATEWAY)
            require_policy(self.cloud, self.project, wanted or {})
            if (before or {}).get("network_id") != (wanted or {}).get("network_id"):
                if any(ip.document["router_id"] == row.id for ip in self.cloud.of(Kind.FLOATING_IP)):
                    raise Permanent(f"Gateway cannot be updated for router {row.id}: floating IPs need it.", 409)
                self._free(filter(None, [before]))
                row.document[_GATEWAY] = self._gateway(wanted)
            if wanted and "qos_policy_id" in wanted:
                row.document[_GATEWAY]["qos_policy_id"] = wanted["qos_policy_id"]
        self._check(row, fields.get("routes", []))
        row.document |= fields
        for ip in self.cloud.of(Kind.FLOATING_IP):
            if ip.document["router_id"] == row.id and "admin_state_up" in fields:
                ip.document["status"] = status_of(row)

    def discard(self, row: Row) -> None:
        if attached := interfaces(self.cloud, row.id):
            raise Transient(f"Router {row.id} has ports still attached: {', '.join(port.id for port in attached)}")
        self.cloud.remove(row)

    def render(self, row: Row) -> dict[str, Any]:
        """With all gateways, where the cloud can have several."""
        names = ("network_id", "external_fixed_ips")
        every = [{name: gateway[name] for name in names} for gateway in _gateways(row)]
        return super().render(row) | ({"external_gateways": every} if self.cloud.has_gateways else {})

    def call(self, row: Row, method: str, path: str, body: dict[str, Any]) -> Answer:
        routes = body.get("router", {}).get("routes", [])
        match path:
            case "" if method == "PUT":
                self.change(row, body["router"])
            case "/add_router_interface":
                return self._attach(row, body["port_id"])
            case "/remove_router_interface":
                return self._detach(row, body["port_id"])
            case "/add_extraroutes":
                self._check(row, routes)
                row.document["routes"] += [route for route in routes if route not in row.document["routes"]]
            case "/remove_extraroutes":
                row.document["routes"] = [route for route in row.document["routes"] if route not in routes]
            case "/add_external_gateways" if self.cloud.has_gateways:
                self._add_gateways(row, body["router"]["external_gateways"])
            case "/remove_external_gateways" if self.cloud.has_gateways:
                self._remove_gateways(row, body["router"]["external_gateways"])
            case _:
                return super().call(row, method, path, body)
        self.cloud.touch(row)
        return Answer(200, {"router": self.render(row)})

    def _attach(self, row: Row, port_id: str) -> Answer:
        port = self.cloud.visible(Kind.PORT, port_id, self.project)
        if port is None:
            raise Permanent(f"Port {port_id} could not be found.", 404)
        if port.document["device_id"]:
            raise Permanent(f"Unable to complete operation on port {port_id}. It is used by a device.", 409)
        new = [ip_network(subnet.document["cidr"]) for subnet in subnets(self.cloud, port)]
        for other in interfaces(self.cloud, row.id):
            for there in (ip_network(subnet.document["cidr"]) for subnet in subnets(self.cloud, other)):
                if any(one.version == there.version and one.overlaps(there) for one in new):
                    raise Permanent(f"Bad router request: {new[0]} overlaps with {there}.")
        port.document |= {"device_id": row.id, "device_owner": INTERFACE, "status": "ACTIVE"}
        self.cloud.touch(port)
        return Answer(200, {"id": row.id, "port_id": port_id})

    def _detach(self, row: Row, port_id: str) -> Answer:
        port = next((port for port in interfaces(self.cloud, row.id) if port.id == port_id), None)
        if port is None:
            raise Permanent(f"Router {row.id} does not have an interface with id {port_id}", 404)
        require_unused(self.cloud, port)
        self.cloud.remove(port)
        return Answer(200, {"id": row.id, "port_id": port_id})

    def _check(self, row: Row, routes: list[dict[str, str]]) -> None:
        attached = [s for port in interfaces(self.cloud, row.id) for s in subnets(self.cloud, port)]
        for route in routes:
            if not any(ip_address(route["nexthop"]) in ip_network(subnet.document["cidr"]) for subnet in attached):
                raise Permanent(f"Invalid format for routes: {routes}, the nexthop is not connected with router")

    def _gateway(self, wanted: dict[str, Any] | None) -> dict[str, Any] | None:
        """With an address of the external network; only an admin chooses SNAT or addresses."""
        if not wanted:
            return None
        network = self.network(wanted["network_id"])
        if set(wanted) - {"network_id", "qos_policy_id"}:
            raise Permanent("rule:create_router is disallowed by policy", 403)
        if not network.document["router:external"]:
            raise Permanent(f"Bad router request: Network {network.id} is not an external network.")
        ip = outside(self.cloud, network, None)
        return {"network_id": network.id, "external_fixed_ips": [ip], "enable_snat": True}

    def _add_gateways(self, row: Row, wanted: list[dict[str, Any]]) -> None:
        """The first one, where there is none, is the router's as ever (29.0.0 `neutron/db/l3_extra_gws_db.py`)."""
        made = [gateway for one in wanted if (gateway := self._gateway(one))]
        if made and not row.document[_GATEWAY]:
            row.document[_GATEWAY] = made.pop(0)
        row.extra["more"] += made

    def _remove_gateways(self, row: Row, wanted: list[dict[str, Any]]) -> None:
        named = [{ip["ip_address"] for ip in one["external_fixed_ips"]} for one in wanted]
        gone = [one for one in row.extra["more"] if any(_addresses(one) & ips for ips in named)]
        if len(gone) < len(wanted):
            raise Permanent(
                f"Unable to match a requested gateway port to existing gateway ports for router {row.id}", 500
            )
        row.extra["more"] = [one for one in row.extra["more"] if one not in gone]
        self._free(gone)

    def _free(self, gateways: Iterable[dict[str, Any]]) -> None:
        for gateway in gateways:
            if network := self.cloud.rows[Kind.NETWORK].get(gateway["network_id"]):
                network.extra["addresses"] -= _addresses(gateway)


def _gateways(row: Row) -> list[dict[str, Any]]:
    return [*filter(None, [row.document[_GATEWAY]]), *row.extra["more"]]


def _addresses(gateway: dict[str, Any]) -> set[str]:
    return {ip["ip_address"] for ip in gateway["external_fixed_ips"]}


def outside(cloud: MemoryCloud, network: Row, subnet_id: str | None) -> dict[str, str]:
    """Take an address of an external network, of that subnet or any."""
    for name in network.document["subnets"]:
        subnet = cloud.rows[Kind.SUBNET][name]
        address = next(free(subnet, network.extra["addresses"]), None)
        if subnet_id in (None, name) and address is not None:
            network.extra["addresses"].add(address)
            return {"subnet_id": name, "ip_address": address}
    raise Exhausted(f"No more IP addresses available on network {network.id}.")


def interfaces(cloud: MemoryCloud, router_id: str) -> list[Row]:
    """The ports by which a router is on its networks."""
    ports = cloud.of(Kind.PORT)
    return [p for p in ports if p.document["device_id"] == router_id and p.document["device_owner"] == INTERFACE]


def status_of(router: Row) -> str:
    """Of the floating IPs that lead through it."""
    return "ACTIVE" if router.document["admin_state_up"] else "DOWN"


def subnets(cloud: MemoryCloud, port: Row) -> list[Row]:
    """The subnets of a port's addresses."""
    return [cloud.rows[Kind.SUBNET][fixed["subnet_id"]] for fixed in port.document["fixed_ips"]]


def require_unused(cloud: MemoryCloud, port: Row) -> None:
    """Raises Permanent (409) while a floating IP or a route needs this interface."""
    inside = [ip_network(subnet.document["cidr"]) for subnet in subnets(cloud, port)]
    router = cloud.rows[Kind.ROUTER][port.document["device_id"]]
    users = [ip.document["fixed_ip_address"] for ip in cloud.of(Kind.FLOATING_IP)
             if ip.document["router_id"] == router.id]  # fmt: skip
    users += [route["nexthop"] for route in router.document["routes"]]
    if any(user and ip_address(user) in prefix for user in users for prefix in inside):
        raise Permanent(f"Router interface {port.id} cannot be deleted: floating IPs or routes need it.", 409)
