"""What Neutron 29 accepts from a tenant and from an admin, and with which status it refuses the rest.

vregion is the authority for addresses and segments; these are the rules that a backend checks by itself. Each line
is one call in region 1 with the status that is expected of it.
"""

from typing import Any

from lab.proofs.probes import check
from lab.proofs.tenant import Refused, Tenant


class Asked:
    """Calls in one region, each judged by its status; 0 stands for accepted."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    def __call__(self, expected: int, what: str, method: str, path: str, admin: bool = False, **body: Any) -> None:
        status = 0
        try:
            self.tenant.call(method, path, body or None, admin)
        except Refused as answer:
            status = answer.status
        check(f"refusals: {what}: {expected or 'accepted'}", status == expected, str(status or "accepted"))


def prove_refusals(tenants: dict[int, Tenant]) -> None:
    tenant = tenants[1]
    ask = Asked(tenant)
    network = prove_segments(ask)
    subnet = tenant.subnet(network, "10.60.0.0/24", gateway_ip="10.60.0.1")
    prove_ports(ask, network)
    prove_shared(ask)
    prove_routers(ask, subnet)
    ask(409, "a network with ports deleted", "DELETE", f"networks/{network}")


def prove_segments(ask: Asked) -> str:
    tenant, physical = ask.tenant, ask.tenant.region.profile.vlan
    vlan: dict[str, Any] = {"name": "x", "provider:network_type": "vlan", "provider:physical_network": physical}
    ask(403, "a tenant makes a provider network", "POST", "networks", **vlan)
    network = tenant.vlan("x-ref", 1600)
    own = tenant.show(f"networks/{network}")
    check("refusals: the tenant does not see the segment", not any(key.startswith("provider:") for key in own))
    number = "provider:segmentation_id"
    ask(409, "the same VLAN twice", "POST", "networks", True, **vlan, **{number: 1600})
    ask(0, "a VLAN outside the ranges", "POST", "networks", True, **vlan, **{number: 2500})
    ask(0, "a VLAN without a number", "POST", "networks", True, **vlan)
    nowhere = {**vlan, "provider:physical_network": "nowhere", number: 5}
    ask(400, "an unknown physical network", "POST", "networks", True, **nowhere)
    return network


def prove_ports(ask: Asked, network: str) -> None:
    def ports(expected: int, what: str, **body: Any) -> None:
        ask(expected, what, "POST", "ports", network_id=network, **body)

    chosen = [{"ip_address": "10.60.0.150"}]
    ports(0, "a chosen address and MAC", fixed_ips=chosen, mac_address="fa:16:3e:60:00:01")
    ports(409, "the same address again", fixed_ips=chosen)
    ports(409, "the same MAC again", mac_address="fa:16:3e:60:00:01")
    ports(0, "the gateway address, free", fixed_ips=[{"ip_address": "10.60.0.1"}])
    ports(0, "device_owner lab:remote", device_owner="lab:remote")
    ports(403, "a tenant sets binding:host_id", **{"binding:host_id": "x"})
    pairs = [{"ip_address": "10.99.0.0/16"}]
    ports(0, "an address pair for a prefix", allowed_address_pairs=pairs)
    ports(0, "port security off", port_security_enabled=False, security_groups=[])


def prove_shared(ask: Asked) -> None:
    """A network of the admin, then shared with the tenant."""
    tenant, physical = ask.tenant, ask.tenant.region.profile.vlan
    vlan = {"provider:network_type": "vlan", "provider:physical_network": physical, "provider:segmentation_id": 1610}
    network = tenant.make("networks", True, name="x-adm", **vlan)["id"]
    tenant.make("subnets", True, network_id=network, ip_version=4, cidr="100.64.2.0/29", gateway_ip=None)
    ask(404, "a tenant's port on an admin's network", "POST", "ports", network_id=network)
    grant = {"object_type": "network", "object_id": network, "action": "access_as_shared"}
    ask(0, "shared by RBAC", "POST", "rbac-policies", True, **grant, target_tenant=tenant.project)
    ask(0, "a tenant's port on it then", "POST", "ports", network_id=network)
    chosen = [{"ip_address": "100.64.2.3"}]
    ask(403, "with a chosen address", "POST", "ports", network_id=network, fixed_ips=chosen)
    ask(0, "made by the admin for the tenant", "POST", "ports", True, network_id=network, project_id=tenant.project)


def prove_routers(ask: Asked, subnet: str) -> None:
    tenant = ask.tenant
    router = tenant.make("routers", name="x-ref")["id"]
    gateway = tenant.make("ports", network_id=tenant.show(f"subnets/{subnet}")["network_id"])["id"]
    tenant.attach(router, port_id=gateway)
    path = f"routers/{router}"
    overlapping = tenant.network("x-over", "10.60.0.0/24")[1]
    ask(400, "overlapping subnets on a router", "PUT", f"{path}/add_router_interface", subnet_id=overlapping)

    def routes(expected: int, what: str, prefix: str, hop: str) -> None:
        listed = {"routes": [{"destination": prefix, "nexthop": hop}]}
        ask(expected, what, "PUT", f"{path}/add_extraroutes", router=listed)

    routes(0, "an extra route, added atomically", "10.70.0.0/16", "10.60.0.77")
    routes(0, "a second hop for the same prefix", "10.70.0.0/16", "10.60.0.78")
    ask(409, "an interface that a route needs", "PUT", f"{path}/remove_router_interface", subnet_id=subnet)
    outside = {"network_id": tenant.outside}
    ask(403, "a tenant turns SNAT off", "PUT", path, external_gateway_info={**outside, "enable_snat": False})
    fixed = str(tenant.region.external_cidr).replace("0/24", "77")
    picked = {**outside, "external_fixed_ips": [{"ip_address": fixed}]}
    ask(403, "a tenant picks the gateway address", "PUT", path, external_gateway_info=picked)
    floating = {"floating_network_id": tenant.outside, "floating_ip_address": fixed}
    ask(403, "a tenant picks the floating address", "POST", "floatingips", **floating)
    ask(0, "an admin picks it", "POST", "floatingips", True, **floating, project_id=tenant.project)
