"""What may become of a port's addresses and MAC: what something else stands on stays as it is.

Called by ports when a tenant changes one. The checks and their words are Neutron's (29.0.0 `neutron/db/l3_db.py`
prevent_internal_ip_change_for_fip, `ipam_pluggable_backend.py`, `db_base_plugin_v2.py`).
"""

from collections.abc import Sequence
from typing import Any

from vregion.model.refusals import Conflict, Invalid
from vregion.model.resource import Kind, Resource
from vregion.region import addresses, associations, fixed_ips, realizations
from vregion.region.fixed_ips import FixedIp, Seat
from vregion.region.regions import Transaction


async def check_floating(tx: Transaction, port: Resource, wanted: Sequence[FixedIp]) -> None:
    """Raises Invalid where the address that a floating IP leads to would go."""
    kept = {ip.get("ip_address") for ip in wanted}
    for ip in (await associations.of_ports(tx, [port.id])).get(port.id, ()):
        if ip.spec["fixed_ip_address"] not in kept:
            words = f"Bad port request: Cannot update the fixed_ips of the port {port.id}, because its original"
            raise Invalid(f"{words} fixed_ip has been associated to a floating ip.", reason="BadRequest")


def check_interface(port: Resource, ips: Sequence[FixedIp]) -> None:
    """Raises Invalid where a router's interface would have other IPv4 addresses than before."""
    if port.spec["device_owner"] in fixed_ips.ROUTERS and port.spec.get("router_id"):
        before, after = ({ip["ip_address"] for ip in each if ":" not in ip["ip_address"]}
                         for each in (port.spec["fixed_ips"], ips))  # fmt: skip
        if before != after:
            raise Invalid(f"Bad ports request: IP updates for port {port.id} are not allowed.", reason="BadRequest")


async def change_mac(tx: Transaction, port: Resource, seat: Seat) -> list[FixedIp]:
    """The port has the seat's MAC: its addresses, of which those that followed from the old one are made anew."""
    owner, old = port.spec["device_owner"], port.spec["mac_address"]
    if owner.startswith("network:"):
        message = f"Operation mac address update is not supported for device_owner {owner} on port {port.id}."
        raise Conflict(message, reason="UnsupportedPortDeviceOwner")
    if port.spec["server_id"] or await realizations.of_resource(tx, Kind.PORT, port.id):
        words = f"Unable to complete operation on port {port.id}, port is already bound, availability zone:"
        message = f"{words} {port.availability_zone}, old_mac {old}, new_mac {seat.mac}."
        raise Conflict(message, reason="PortBound")
    if not await addresses.take_mac(tx, port.spec["network_id"], port.id, seat.mac):
        message = f"Unable to complete operation for network {port.spec['network_id']}. The mac address {seat.mac} is"
        raise Conflict(f"{message} in use.", reason="MacAddressInUse")
    await addresses.release_mac(tx, port.id, [old])
    followed = {subnet.id for subnet in seat.automatic}
    left = [ip for ip in port.spec["fixed_ips"] if ip["subnet_id"] not in followed]
    gone: list[Any] = [ip["ip_address"] for ip in port.spec["fixed_ips"] if ip not in left]
    await addresses.release(tx, port.id, gone)
    return await fixed_ips.change(tx, seat, left, left)
