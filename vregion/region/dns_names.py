"""Names of ports, which the DHCP service of a zone resolves (Neutron's dns-integration).

Each zone has a domain of its own, and tells it with the ports that it has. `dns_name` is what the tenant named a port;
one that he did not name has its server's name (`host_name`), which the zone's Nova gives it (34.0.0 `nova/network/
neutron.py` _populate_neutron_extension_values). It starts no server with a port that is named otherwise, and takes the
name away when the port is unplugged. Called by `ports`, by `placement` and by the recipe of ports.
"""

from typing import Any

from vregion.model.backend import Binding
from vregion.model.refusals import Conflict
from vregion.model.resource import Resource

CAPABILITY = "network.dns-integration"
NONE = {"dns_name": "", "host_name": ""}
DOMAIN = "openstacklocal."  # Neutron's default: of ports that no zone has yet


def shown(port: Resource) -> dict[str, Any]:
    """What a port's document has of its names: one without a name is called by its address."""
    name = port.spec.get("dns_name") or port.spec.get("host_name", "")
    domain = port.spec.get("zone_domain", DOMAIN)
    hosts = {ip["ip_address"]: name or f"host-{_dashed(ip['ip_address'])}" for ip in port.spec["fixed_ips"]}
    assigned = [{"ip_address": ip, "hostname": host, "fqdn": f"{host}.{domain}"} for ip, host in hosts.items()]
    return {"dns_name": name, "dns_assignment": assigned}


def sent(port: Resource) -> dict[str, str]:
    """What a zone is told: nothing of a name that its Nova gives, nor where there are none (not in the spec)."""
    name = port.spec.get("dns_name")
    return {} if name is None or (not name and port.spec.get("host_name")) else {"dns_name": name}


def told(document: dict[str, Any]) -> dict[str, str]:
    """A zone's domain, as the port's document there tells it."""
    for assigned in document.get("dns_assignment", ()):
        return {"zone_domain": assigned["fqdn"].removeprefix(f"{assigned['hostname']}.")}
    return {}


def require_service(port_id: str, name: str | None, binding: Binding) -> None:
    """Where a port is, or shall be, the name that the tenant gives it must be known. Raises Conflict."""
    if lacking(name, binding):
        zone = binding.availability_zone
        words = f"Port {port_id} has a dns_name, and availability zone {zone} has no names of ports."
        raise Conflict(words, reason="DnsNotInAvailabilityZone")


def lacking(name: str | None, binding: Binding) -> bool:
    """Whether there is a name, and none of ports in the zone, as far as its backend's last check told."""
    return bool(name and binding.capabilities and CAPABILITY not in binding.capabilities)


def _dashed(address: str) -> str:
    return address.replace(".", "-").replace(":", "-")
