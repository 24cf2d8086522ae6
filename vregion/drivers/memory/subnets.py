"""Subnets: inside a network, not overlapping another one there, with a gateway and pools as Neutron chooses them."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, ClassVar

from vregion.drivers.contract import Permanent, Transient
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import Described
from vregion.model.resource import Kind

_DEFAULTS: dict[str, Any] = {
    "name": "", "subnetpool_id": None, "enable_dhcp": True, "ipv6_ra_mode": None, "ipv6_address_mode": None,
    "host_routes": [], "dns_nameservers": [], "router:external": False, "service_types": [],
}  # fmt: skip


class Subnets(Described):
    """Neutron's subnets."""

    kind = Kind.SUBNET
    required = ("network_id", "cidr", "ip_version")
    mutable: ClassVar[frozenset[str]] = frozenset(
        {"name", "gateway_ip", "enable_dhcp", "dns_nameservers", "host_routes", "allocation_pools", "service_types"}
    )

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        network = self.network(body["network_id"])
        try:
            cidr = ip_network(body["cidr"], strict=False)
        except ValueError as error:
            raise Permanent(f"Invalid input for cidr. Reason: {error}.") from None
        if cidr.version != body["ip_version"]:
            raise Permanent(f"Invalid input for operation: cidr {cidr} does not match the ip_version.")
        self._refuse_overlap(network, cidr)
        gateway = body.get("gateway_ip", str(cidr[1]))
        pools = body.get("allocation_pools") or _pools(cidr, gateway)
        row = self.add(_DEFAULTS | body | {"gateway_ip": gateway, "cidr": str(cidr), "allocation_pools": pools}, mark)
        network.document["subnets"].append(row.id)
        row.release = lambda: network.document["subnets"].remove(row.id)
        return row

    def discard(self, row: Row) -> None:
        ports = self.cloud.rows[Kind.NETWORK][row.document["network_id"]].extra["ports"].values()
        if any(fixed["subnet_id"] == row.id for port in ports for fixed in port.document["fixed_ips"]):
            raise Transient(
                f"Unable to complete operation on subnet {row.id}: One or more ports have an IP allocation from this "
                "subnet."
            )
        self.cloud.remove(row)

    def _refuse_overlap(self, network: Row, cidr: IPv4Network | IPv6Network) -> None:
        for other in network.document["subnets"]:
            there = ip_network(self.cloud.rows[Kind.SUBNET][other].document["cidr"])
            if there.version == cidr.version and there.overlaps(cidr):
                raise Permanent(
                    f"Invalid input for operation: Requested subnet with cidr: {cidr} for network: {network.id} "
                    "overlaps with another subnet."
                )


def _pools(cidr: IPv4Network | IPv6Network, gateway: str | None) -> list[dict[str, str]]:
    """All host addresses but the gateway's, in one range or two."""
    first = cidr[1]
    last = cidr[-2] if cidr.version == 4 else cidr[-1]
    hole = ip_address(gateway) if gateway else None
    if hole is None or not first <= hole <= last:  # type: ignore[operator]
        return [{"start": str(first), "end": str(last)}]
    ranges = ((first, hole - 1), (hole + 1, last))
    return [{"start": str(low), "end": str(high)} for low, high in ranges if low <= high]  # type: ignore[operator]


def free(subnet: Row, taken: set[str]) -> Iterator[str]:
    """Addresses of the subnet's pools that nobody has."""
    for pool in subnet.document["allocation_pools"]:
        address, end = ip_address(pool["start"]), ip_address(pool["end"])
        while int(address) <= int(end):
            if str(address) not in taken:
                yield str(address)
            address += 1
