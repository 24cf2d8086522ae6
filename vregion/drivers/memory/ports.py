"""Ports: a MAC and addresses that nobody else on the network has, inside its subnets; bound to at most one server."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from secrets import token_bytes
from typing import Any, ClassVar

from vregion.drivers.contract import Permanent, Transient
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import Described
from vregion.drivers.memory.qos_policies import require_policy
from vregion.drivers.memory.routers import INTERFACE, require_unused
from vregion.drivers.memory.security_groups import SecurityGroups
from vregion.drivers.memory.subnets import free
from vregion.drivers.memory.trunks import trunks_of
from vregion.ipam.macs import eui64
from vregion.model.resource import Kind

_DEFAULTS: dict[str, Any] = {
    "name": "", "admin_state_up": True, "status": "DOWN", "device_id": "", "device_owner": "", "extra_dhcp_opts": [],
    "port_security_enabled": True, "binding:vnic_type": "normal", "allowed_address_pairs": [],
    "qos_policy_id": None, "dns_name": "",
}  # fmt: skip


class Ports(Described):
    """Neutron's ports."""

    kind = Kind.PORT
    required = ("network_id",)
    mutable: ClassVar[frozenset[str]] = frozenset({
        "name", "admin_state_up", "fixed_ips", "security_groups", "allowed_address_pairs", "extra_dhcp_opts",
        "port_security_enabled", "binding:vnic_type", "device_id", "device_owner", "qos_policy_id", "dns_name",
    })  # fmt: skip

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        network = self.network(body["network_id"])
        require_policy(self.cloud, self.project, body)
        if body.get("device_owner") != INTERFACE:
            self._refuse_choice(network, body.get("fixed_ips") or ())
        mac = self._mac(network, body.get("mac_address"))
        secure = body.get("port_security_enabled", True)
        groups = body.get("security_groups")
        derived = {
            "mac_address": mac,
            "fixed_ips": [
                *self._fixed(network, body.get("fixed_ips"), set()),
                *self._automatic(network, mac, body.get("device_owner")),
            ],
            "security_groups": self._groups([self._default_group()] if groups is None and secure else groups or []),
        }
        row = self.add(_DEFAULTS | body | derived, mark)
        self._name(row)
        network.extra["ports"][row.id] = row
        network.extra["macs"].add(mac)
        network.extra["addresses"] |= _addresses(row)
        row.release = lambda: self._release(network, row)
        return row

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        require_policy(self.cloud, self.project, fields)
        if "security_groups" in fields:
            fields["security_groups"] = self._groups(fields["security_groups"])
        if "fixed_ips" in fields:
            network = self.cloud.rows[Kind.NETWORK][row.document["network_id"]]
            own = _addresses(row)
            automatic = self._automatic(network, row.document["mac_address"], row.document["device_owner"])
            fields["fixed_ips"] = [*self._fixed(network, fields["fixed_ips"], own), *automatic]
            network.extra["addresses"] -= own
            network.extra["addresses"] |= {fixed["ip_address"] for fixed in fields["fixed_ips"]}
        row.document |= fields
        self._name(row)

    def _name(self, row: Row) -> None:
        """By its name, or by its addresses."""
        if self.cloud.has_names:
            name, ips = row.document["dns_name"], [fixed["ip_address"] for fixed in row.document["fixed_ips"]]
            hosts = {ip: name or "host-" + ip.replace(".", "-").replace(":", "-") for ip in ips}
            row.document["dns_assignment"] = [
                {"ip_address": ip, "hostname": host, "fqdn": f"{host}.{self.cloud.name}.example."}
                for ip, host in hosts.items()
            ]

    def discard(self, row: Row) -> None:
        """A router's interface is taken off its router, which may refuse that."""
        if row.document["device_owner"] == INTERFACE and row.document["device_id"]:
            require_unused(self.cloud, row)
        if used := trunks_of(self.cloud, row.id):
            raise Transient(f"Port {row.id} is currently in use by trunk {used[0].id}.")
        self.cloud.remove(row)

    def _release(self, network: Row, row: Row) -> None:
        network.extra["ports"].pop(row.id, None)
        network.extra["macs"].discard(row.document["mac_address"])
        network.extra["addresses"] -= _addresses(row)
        if server := self.cloud.rows[Kind.SERVER].get(row.document["device_id"]):
            server.extra["ports"].remove(row)

    def _mac(self, network: Row, wanted: str | None) -> str:
        mac = wanted.lower() if wanted else ""
        while not mac or (wanted is None and mac in network.extra["macs"]):
            mac = "fa:16:3e:" + token_bytes(3).hex(":")
        if mac in network.extra["macs"]:
            raise Permanent(
                f"Unable to complete operation for network {network.id}. The mac address {mac} is in use.", 409
            )
        return mac

    def _fixed(self, network: Row, wanted: list[dict[str, str]] | None, own: set[str]) -> list[dict[str, str]]:
        """The wanted addresses, each checked; without a wish one from the first subnet of each version."""
        subnets = self._subnets(network)
        if wanted is None:
            firsts = {
                subnet.document["ip_version"]: subnet for subnet in reversed(subnets) if not _is_automatic(subnet)
            }
            wanted = [{"subnet_id": firsts[version].id} for version in sorted(firsts)]
        taken = network.extra["addresses"] - own
        fixed: list[dict[str, str]] = []
        for wish in wanted:
            subnet = _subnet(subnets, wish, network)
            address = wish.get("ip_address") or next(free(subnet, taken), None)
            if address is None:
                raise Permanent(f"No more IP addresses available on network {network.id}.", 409)
            address = str(ip_address(address))
            if address in taken:
                raise Permanent(f"IP address {address} already allocated in subnet {subnet.id}", 409)
            taken.add(address)
            fixed.append({"subnet_id": subnet.id, "ip_address": address})
        return fixed

    def _automatic(self, network: Row, mac: str, device_owner: str | None) -> list[dict[str, str]]:
        """Those that follow from the MAC, which a router has none of (neutron 29 `_get_auto_address_ips`)."""
        if device_owner == INTERFACE:
            return []
        found = [subnet for subnet in self._subnets(network) if _is_automatic(subnet)]
        return [{"subnet_id": one.id, "ip_address": eui64(ip_network(one.document["cidr"]), mac)} for one in found]

    def _subnets(self, network: Row) -> list[Row]:
        return [self.cloud.rows[Kind.SUBNET][there] for there in network.document["subnets"]]

    def _refuse_choice(self, network: Row, wanted: Iterable[dict[str, str]]) -> None:
        """Where addresses follow from MACs nobody but a router chooses one."""
        for subnet in self._subnets(network):
            if _is_automatic(subnet) and any(
                "ip_address" in wish and wish.get("subnet_id") == subnet.id for wish in wanted
            ):
                raise Permanent(f"An address cannot be directly assigned to a port on subnet {subnet.id}.")

    def _groups(self, wanted: list[str]) -> list[str]:
        for group in wanted:
            if not self.cloud.visible(Kind.SECURITY_GROUP, group, self.project):
                raise Permanent(f"Security group {group} does not exist", 404)
        return wanted

    def _default_group(self) -> str:
        return SecurityGroups(self.cloud, self.project).default().id


def _is_automatic(subnet: Row) -> bool:
    return subnet.document["ipv6_address_mode"] in ("slaac", "dhcpv6-stateless")


def _addresses(row: Row) -> set[str]:
    return {fixed["ip_address"] for fixed in row.document["fixed_ips"]}


def _subnet(subnets: list[Row], wish: dict[str, str], network: Row) -> Row:
    """The subnet that the wish names, or that its address is in."""
    for subnet in subnets:
        inside = "ip_address" not in wish or ip_address(wish["ip_address"]) in ip_network(subnet.document["cidr"])
        if inside and wish.get("subnet_id", subnet.id) == subnet.id:
            return subnet
    if "ip_address" in wish:
        raise Permanent(
            f"IP address {wish['ip_address']} is not a valid IP for any of the subnets on the specified network."
        )
    raise Permanent(f"Invalid input for operation: no subnet {wish.get('subnet_id')} on network {network.id}.")
