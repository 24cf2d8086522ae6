"""Proofs in one region: networks, a router, the internet, floating IPs, security groups, a server's life."""

import time

from lab.network.switches import INTERNET_IP
from lab.proofs.probes import (
    addresses,
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
from lab.proofs.tenant import ICMP, WEB, Tenant


def prove_inside(tenants: dict[int, Tenant]) -> None:
    tenant = tenants[1]
    group = tenant.group("p-open", ICMP, WEB)
    first, first_subnet = tenant.network("p-n1", "10.1.1.0/24")
    second, second_subnet = tenant.network("p-n2", "10.1.2.0/24")
    router = tenant.router("p-r", first_subnet, second_subnet, outside=True)
    begun = time.time()
    ports = [tenant.port(first, group), tenant.port(first, group), tenant.port(second, group)]
    servers = [tenant.server(f"p-vm{index}", port) for index, (port, _) in enumerate(ports)]
    tenant.active(*servers)
    took = f"ACTIVE {time.time() - begun:.1f} s after the first call"
    leased = [has_address(server, address) for server, (_, address) in zip(servers, ports, strict=True)]
    check("inside: DHCP gives each port its address", all(leased), took)
    here, near, far = servers[0], ports[1][1], ports[2][1]
    check("inside: same network", ping(here, near), round_trip(here, near))
    check("inside: two networks and a router", ping(here, far), round_trip(here, far))
    check("inside: TCP across the router", until(lambda: web(here, far) == "p-vm2", 10))
    source = seen_by_internet(here)
    check("inside: SNAT by the router", source == tenant.gateway(router), source)
    floating, address = tenant.floating_ip(ports[2][0])
    check("inside: floating IP inward", until(lambda: web_from_internet(address) == "p-vm2", 20))
    check("inside: floating IP outward", until(lambda: seen_by_internet(servers[2]) == address, 10))
    active = until(lambda: tenant.show(f"floatingips/{floating}")["status"] == "ACTIVE", 10)
    check("inside: floating IP ACTIVE", active)
    inside(here, "ip", "addr", "add", "10.1.1.250/24", "dev", f"tap{ports[0][0].replace('-', '')[:11]}")
    spoofed, _ = inside(here, "ping", "-n", "-c2", "-W1", "-I", "10.1.1.250", near)
    check("inside: a foreign source address does not leave", not spoofed)


def prove_groups(tenants: dict[int, Tenant]) -> None:
    """Rules and remote groups take effect and end, in one region."""
    tenant = tenants[1]
    network, _ = tenant.network("p-groups", "10.2.1.0/24")
    opened, shut, member = tenant.group("p-open", ICMP, WEB), tenant.group("p-shut"), tenant.group("p-member")
    ports = [tenant.port(network, group) for group in (opened, opened, shut)]
    servers = [tenant.server(f"p-g{index}", port) for index, (port, _) in enumerate(ports)]
    tenant.active(*servers)
    for server, (_, address) in zip(servers, ports, strict=True):
        has_address(server, address)
    here, other, closed = servers
    target = ports[2][1]
    check("groups: no rule, no ping, no TCP", silent(here, target) and not web(here, target))
    check("groups: its own way out is open", ping(closed, ports[0][1]))
    rule = tenant.rule(shut, **ICMP)
    check("groups: rule added, ping allowed", ping(here, target))
    check("groups: TCP still blocked", not web(here, target))
    tenant.call("DELETE", f"security-group-rules/{rule}")
    check("groups: rule deleted, ping blocked", until(lambda: silent(here, target, 1), 15))
    tenant.rule(shut, remote_group_id=member, **WEB)
    check("groups: remote group, not a member: blocked", not web(here, target))
    tenant.change(f"ports/{ports[0][0]}", security_groups=[opened, member])
    check("groups: remote group, member: allowed", until(lambda: web(here, target) == "p-g2", 15))
    check("groups: another server, no member: blocked", not web(other, target))


def prove_life(tenants: dict[int, Tenant]) -> None:
    """Stop, start, reboot, a second interface: each time by packets."""
    tenant = tenants[1]
    group = tenant.group("p-life", ICMP, WEB)
    networks = [tenant.network("p-life1", "10.3.1.0/24")[0], tenant.network("p-life2", "10.3.2.0/24")[0]]
    ports = [tenant.port(networks[0], group), tenant.port(networks[0], group)]
    here, server = (tenant.server(f"p-life{index}", port) for index, (port, _) in enumerate(ports))
    target = ports[1][1]
    tenant.active(here, server)
    check("life: ping", ping(here, target))
    tenant.act(server, {"os-stop": None})
    stopped = until(lambda: tenant.state(server) == "SHUTOFF")
    check("life: stopped, no ping", stopped and silent(here, target))
    tenant.act(server, {"os-start": None})
    check("life: started, ping", until(lambda: tenant.state(server) == "ACTIVE", 70) and ping(here, target))
    tenant.act(server, {"reboot": {"type": "HARD"}})
    time.sleep(2)
    check("life: rebooted, ping", until(lambda: tenant.state(server) == "ACTIVE", 70) and ping(here, target))
    bigger = sorted(tenant.region.profile.flavors, key=lambda flavor: flavor.ram)[1].id
    for name in ("revertResize", "confirmResize"):
        tenant.act(server, {"resize": {"flavorRef": bigger}})
        until(lambda: tenant.state(server) == "VERIFY_RESIZE", 60)
        check(f"life: resized, ping before {name}", ping(here, target))
        tenant.act(server, {name: None})
        check(f"life: after {name}, ping", until(lambda: tenant.state(server) == "ACTIVE", 60) and ping(here, target))
    port, address = tenant.port(networks[1], group)
    path = f"/v2.1/servers/{server}/os-interface"
    tenant.demo("nova", "POST", path, {"interfaceAttachment": {"port_id": port}})
    check("life: a second interface gets its address", has_address(server, address))
    tenant.demo("nova", "DELETE", f"{path}/{port}")
    check("life: and goes away", until(lambda: f" {address}/" not in addresses(server), 15))
    check("life: no way to the internet without a router", not web(here, INTERNET_IP))
