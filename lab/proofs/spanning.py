"""Proofs across two regions by Neutron's public calls: a stretched network, joined routers, zones, remote groups.

Only the VLAN networks are made by the admins, for the tenant. Every finding here is a fact that vregion's network
design stands on; README-network.md tells the call sequences.
"""

import re
import time

from lab.network.switches import INTERNET_IP, WAN
from lab.proofs.probes import (
    attempt,
    check,
    has_address,
    inside,
    ping,
    round_trip,
    seen_by_internet,
    silent,
    until,
    web,
    web_from_internet,
)
from lab.proofs.tenant import ICMP, WEB, Refused, Tenant

Tenants = dict[int, Tenant]
POOLS = {1: (10, 99), 2: (110, 199)}


def stretched(tenants: Tenants, name: str, segment: int, prefix: str, gateways: dict[int, int]) -> dict[int, list[str]]:
    """The same VLAN and CIDR in both regions, with disjoint pools: network and subnet by region."""
    made = {}
    for number, tenant in tenants.items():
        low, high = POOLS[number]
        pool = {"start": f"{prefix}.{low}", "end": f"{prefix}.{high}"}
        network = tenant.vlan(name, segment)
        gateway = f"{prefix}.{gateways[number]}"
        subnet = tenant.subnet(network, f"{prefix}.0/24", gateway_ip=gateway, allocation_pools=[pool])
        made[number] = [network, subnet]
    return made


def prove_stretched(tenants: Tenants) -> None:
    begun = time.time()
    nets = stretched(tenants, "x-l2", 1100, "10.20.0", {1: 1, 2: 1})
    ips, servers, ports = {1: "10.20.0.11", 2: "10.20.0.112"}, {}, {}
    for number, tenant in tenants.items():
        group = tenant.group("x-l2", ICMP, WEB)
        mac = f"fa:16:3e:20:0{number}:01"
        ports[number], _ = tenant.port(nets[number][0], group, ips[number], mac_address=mac)
        servers[number] = tenant.server(f"x-l2-{number}", ports[number])
    for number, tenant in tenants.items():
        tenant.active(servers[number])
    check("stretched: DHCP in both regions", all(has_address(servers[n], ips[n]) for n in tenants))
    across = ping(servers[1], ips[2]) and ping(servers[2], ips[1])
    check("stretched: ping across", across, f"{time.time() - begun:.1f} s; {round_trip(servers[1], ips[2])}")
    check("stretched: TCP across", until(lambda: web(servers[1], ips[2]) == "x-l2-2", 10))
    whole, _ = inside(servers[1], "ping", "-n", "-c3", "-M", "do", "-s", "1472", ips[2])
    check("stretched: MTU 1500 without fragments", whole)
    logs = [tenants[n].act(servers[n], {"os-getConsoleOutput": {}})["output"] for n in tenants]
    check("stretched: no DHCP refusal by the other region", not any("nak" in log.lower() for log in logs))
    leases = {lease for log in logs for lease in re.findall("obtained from ([0-9.]+)", log)}
    own = len(leases) == 2 or leases == {"10.20.0.1"}  # OVN's servers both say the gateway address
    check("stretched: each DHCP server answers its own servers only", own, str(leases))
    device = f"tap{ports[1].replace('-', '')[:11]}"
    once = ["busybox", "udhcpc", "-n", "-q", "-f", "-t", "3", "-T", "1", "-s", "/bin/true"]
    _, said = inside(servers[1], "sh", "-c", f"{' '.join(once)} -r {ips[1]} -i {device} 2>&1")
    check("stretched: a second DHCP run gets the same lease", ips[1] in said)
    router = tenants[1].router("x-l2", nets[1][1], outside=True)
    source = seen_by_internet(servers[2])
    check("stretched: region 2 leaves by region 1's router", source == tenants[1].gateway(router), source)


def prove_routed(tenants: Tenants) -> None:
    cidrs, hops = {1: "10.31.0.0/24", 2: "10.32.0.0/24"}, {1: "100.64.1.1", 2: "100.64.1.2"}
    routers, servers, ports = {}, {}, {}
    for number, tenant in tenants.items():
        other = 3 - number
        group = tenant.group("x-l3", ICMP, WEB)
        network, subnet = tenant.network("x-l3", cidrs[number])
        ports[number] = tenant.port(network, group)
        servers[number] = tenant.server(f"x-l3-{number}", ports[number][0])
        routers[number] = tenant.router("x-l3", subnet)
        early = refused(tenant, routers[number], {cidrs[other]: hops[other]})
        check(f"routed: region {number} refuses a route before its interface", early == 400, str(early))
        transit = tenant.vlan("x-transit", 1200)
        tenant.subnet(transit, "100.64.1.0/29", gateway_ip=None, enable_dhcp=False)
        tenant.attach(routers[number], port_id=tenant.port(transit, address=hops[number])[0])
        tenant.set_routes(routers[number], {cidrs[other]: hops[other]})
    for number, tenant in tenants.items():
        tenant.active(servers[number])
        has_address(servers[number], ports[number][1])
    far = ports[2][1]
    across = ping(servers[1], far, 30) and ping(servers[2], ports[1][1])
    check("routed: ping across", across, round_trip(servers[1], far))
    check("routed: TCP across", until(lambda: web(servers[1], far) == "x-l3-2", 10))
    only = tenants[2].group("x-l3-only", {**WEB, "remote_ip_prefix": f"{ports[1][1]}/32"})
    tenants[2].change(f"ports/{ports[2][0]}", security_groups=[only])
    kept = until(lambda: silent(servers[1], far, 1), 10) and until(lambda: web(servers[1], far), 10)
    check("routed: the source address survives the transit", kept)
    tenants[1].change(f"routers/{routers[1]}", external_gateway_info={"network_id": tenants[1].outside})
    tenants[2].set_routes(routers[2], {cidrs[1]: hops[1], "0.0.0.0/0": hops[1]})
    source = seen_by_internet(servers[2])
    check("routed: region 2 leaves by region 1, SNAT there", source == tenants[1].gateway(routers[1]), source)


def refused(tenant: Tenant, router: str, routes: dict[str, str]) -> int:
    """The status with which routes were refused, 0 when they were not."""
    try:
        tenant.set_routes(router, routes)
    except Refused as answer:
        return answer.status
    return 0


def prove_zones(tenants: Tenants) -> None:
    nets = stretched(tenants, "x-zone", 1300, "10.40.0", {1: 1, 2: 2})
    servers, ports, routers = {}, {}, {}
    for number, tenant in tenants.items():
        group = tenant.group("x-zone", ICMP, WEB)
        routers[number] = tenant.router("x-zone", nets[number][1], outside=True)
        ports[number] = tenant.port(nets[number][0], group)
        servers[number] = tenant.server(f"x-zone-{number}", ports[number][0])
    for number, tenant in tenants.items():
        tenant.active(servers[number])
        has_address(servers[number], ports[number][1])
    check("zones: ping across", ping(servers[1], ports[2][1]) and ping(servers[2], ports[1][1]))
    for number, tenant in tenants.items():
        source = seen_by_internet(servers[number])
        check(f"zones: local egress in region {number}", source == tenant.gateway(routers[number]), source)
        _, address = tenant.floating_ip(ports[number][0])
        answer = until(lambda at=address: web_from_internet(at), 20)  # type: ignore[misc]
        check(f"zones: floating IP in region {number}", answer == f"x-zone-{number}")
    prove_shadow(tenants, nets[2][0], servers[1], ports[1])
    attempt("ip", "-n", WAN, "link", "set", "r2", "down")
    check("zones: interconnect cut, no ping across", until(lambda: silent(servers[1], ports[2][1], 1), 10))
    alone = web(servers[1], INTERNET_IP) and web(servers[2], INTERNET_IP)
    check("zones: interconnect cut, both reach the internet", alone)
    attempt("ip", "-n", WAN, "link", "set", "r2", "up")
    check("zones: interconnect back, ping across", ping(servers[1], ports[2][1]))


def prove_shadow(tenants: Tenants, network: str, server: str, port: tuple[str, str]) -> None:
    """A floating IP of region 2 for a server of region 1: its answers need a route to region 2's router."""
    mac = tenants[1].show(f"ports/{port[0]}")["mac_address"]
    shadow, _ = tenants[2].port(network, address=port[1], device_owner="lab:remote", mac_address=mac)
    _, address = tenants[2].floating_ip(shadow)
    check("zones: a floating IP of the other region gets no answer", not until(lambda: web_from_internet(address), 8))
    inside(server, "ip", "route", "replace", INTERNET_IP, "via", "10.40.0.2")
    check("zones: and does by a route to that region", until(lambda: web_from_internet(address) == "x-zone-1", 10))
    inside(server, "ip", "route", "del", INTERNET_IP)


def prove_remote_groups(tenants: Tenants) -> None:
    nets = stretched(tenants, "x-sg", 1400, "10.50.0", {1: 1, 2: 2})
    near, far = tenants[1], tenants[2]
    opened = near.group("x-sg-open", ICMP, WEB)
    shut, front = far.group("x-sg-shut"), far.group("x-front")
    first, second = near.port(nets[1][0], opened), near.port(nets[1][0], opened)
    target, address = far.port(nets[2][0], shut)
    member, other = near.server("x-sg-a", first[0]), near.server("x-sg-b", second[0])
    closed = far.server("x-sg-c", target)
    near.active(member, other)
    far.active(closed)
    for server, ip in ((member, first[1]), (other, second[1]), (closed, address)):
        has_address(server, ip)
    check("remote groups: a closed group blocks", silent(member, address) and not web(member, address))
    group = far.make("address-groups", name="x-front-r1", addresses=[])["id"]
    far.rule(shut, remote_address_group_id=group, **WEB)
    check("remote groups: an empty address group blocks", not web(member, address))
    members = {"addresses": [f"{first[1]}/32"]}  # not wrapped, other than every other body of Neutron's
    far.call("PUT", f"address-groups/{group}/add_addresses", members)
    check("remote groups: a member is allowed", until(lambda: web(member, address) == "x-sg-c", 20))
    check("remote groups: and only it", not web(other, address))
    far.call("PUT", f"address-groups/{group}/remove_addresses", members)
    check("remote groups: removed, blocked", until(lambda: not web(member, address), 20))
    far.rule(shut, remote_group_id=front, **ICMP)
    mac = near.show(f"ports/{first[0]}")["mac_address"]
    shadow, _ = far.port(nets[2][0], front, first[1], device_owner="lab:remote", mac_address=mac)
    check("remote groups: a shadow port makes its address a member", ping(member, address))
    check("remote groups: and only it", silent(other, address))
    check("remote groups: the shadow port stays DOWN", far.show(f"ports/{shadow}")["status"] == "DOWN")
