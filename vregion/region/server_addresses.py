"""A server's addresses as Nova shows them: those of its ports, and the floating ones that lead there.

Called when a server's document is rendered and written. It only reads.
"""

from typing import Any

from vregion.model.resource import Kind, Resource
from vregion.region import associations, ports, resources
from vregion.region.regions import Transaction


async def shown(tx: Transaction, server_id: str) -> dict[str, list[dict[str, Any]]]:
    """Nova's `addresses` of a server, by network name."""
    plugged = await ports.of_server(tx, server_id)
    on = await resources.find_many(tx, Kind.NETWORK, [port.spec["network_id"] for port in plugged])
    floating = await associations.of_ports(tx, [port.id for port in plugged])
    found: dict[str, list[dict[str, Any]]] = {}
    for port in plugged:
        network = on.get(port.spec["network_id"])
        shown = found.setdefault(network.name if network else "", []) if port.spec["fixed_ips"] else []
        for ip in port.spec["fixed_ips"]:
            shown.append(_entry(port, ip["ip_address"], "fixed"))
            leading = [f.spec for f in floating.get(port.id, ()) if f.spec["fixed_ip_address"] == ip["ip_address"]]
            shown += [_entry(port, str(one["floating_ip_address"]), "floating") for one in leading]
    return found


def _entry(port: Resource, address: str, kind: str) -> dict[str, Any]:
    """One address as Nova shows it."""
    return {
        "version": 6 if ":" in address else 4,
        "addr": address,
        "OS-EXT-IPS:type": kind,
        "OS-EXT-IPS-MAC:mac_addr": port.spec["mac_address"],
    }
