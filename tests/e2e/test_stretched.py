"""One network over two zones, with packets: what a tenant draws once is one broadcast domain in two clouds.

Only on a lab with a data plane (`python -m lab up 2 --net`). Everything is asked for through vregion; the packets are
seen inside the servers, which are network namespaces of the lab.
"""

import time
from functools import partial

import pytest

from lab.regions import known
from tests.e2e import packets
from tests.e2e.cloud import Cloud, until
from tests.e2e.packets import PINGS, SOON, WEB, boot, group, probes, seat
from tests.e2e.rig import ZONES

pytestmark = [pytest.mark.lab, packets.needed, pytest.mark.usefixtures("wan")]
MTU = packets.MTU


def test_one_network_in_two_zones(acme: Cloud, inside: dict[str, Cloud], image: str) -> None:
    """DHCP in both zones, ping and TCP both ways, whole packets, no address twice; gone with the last port."""
    network = acme.network("span", "10.60.0.0/24")
    opened = group(acme, "span", *PINGS, WEB)
    nics, groups = [{"uuid": network}], [{"name": opened}]
    servers = {zone: boot(acme, image, f"span-{zone}", zone, nics, security_groups=groups) for zone in ZONES}
    seats = {zone: seat(acme, inside, server, zone) for zone, server in servers.items()}
    (one, first), (two, second) = seats["az1"], seats["az2"]
    assert probes.has_address(one, first), probes.addresses(one)
    assert probes.has_address(two, second), probes.addresses(two)
    assert probes.ping(one, second)
    assert probes.ping(two, first)
    assert probes.until(lambda: probes.web(one, second) == "span-az2", 15)
    assert probes.until(lambda: probes.web(two, first) == "span-az1", 15)
    whole, said = probes.inside(one, "ping", "-n", "-c3", "-M", "do", "-s", str(MTU - 28), second)
    assert whole, said
    for zone, server in servers.items():
        resolves(acme, inside[zone], server, *seats[zone])
    shown = acme.show("network", network)
    assert (shown["availability_zones"], shown["mtu"]) == (["az1", "az2"], MTU)

    segments, addresses = set(), []
    for cloud in inside.values():
        (there,) = [net for net in cloud.listed("network") if net["project_id"] == cloud.project_id]
        segments.add(there["provider:segmentation_id"])
        assert there["mtu"] == MTU
        addresses += [
            ip["ip_address"] for p in cloud.listed("port", f"?network_id={there['id']}") for ip in p["fixed_ips"]
        ]
    assert len(segments) == 1
    services = sum(region.plane == "ovs" for region in known())  # OVN's DHCP has no address of its own
    assert len(addresses) == len(set(addresses)) == 2 + services, addresses

    acme.drop("server", servers["az2"])
    acme.gone("server", servers["az2"])
    mine = inside["az2"].project_id
    until(lambda: not [n for n in inside["az2"].listed("network") if n["project_id"] == mine], 60, "az2 let go of it")
    until(lambda: acme.show("network", network)["availability_zones"] == ["az1"], 10, "and is not shown any more")
    again = boot(acme, image, "span-again", "az2", nics, security_groups=groups)
    back, address = seat(acme, inside, again, "az2")
    assert probes.has_address(back, address)
    assert probes.ping(one, address, 90), "once the neighbour has forgotten whose the address was before"
    for server in (servers["az1"], again):
        acme.drop("server", server)
        acme.gone("server", server)
    acme.drop("network", network)
    acme.gone("network", network)
    acme.drop("security_group", opened)


def resolves(acme: Cloud, zone: Cloud, server: str, there: str, address: str) -> None:
    """The zone's DHCP service tells the server's address by the name that its port is shown with."""
    shown = acme.show("server", server)
    (port,) = acme.listed("port", f"?device_id={server}")
    (named,) = port["dns_assignment"]
    assert (port["dns_name"], named["hostname"], named["ip_address"]) == (shown["name"], shown["name"], address)
    (mine,) = zone.listed("port", f"?mac_address={port['mac_address']}")
    assert mine["dns_assignment"] == port["dns_assignment"]
    services = zone.listed("port", f"?network_id={mine['network_id']}&device_owner=network:dhcp")
    resolvers = [service["fixed_ips"][0]["ip_address"] for service in services]
    ask = partial(probes.inside, there, "busybox", "nslookup", named["fqdn"])
    assert probes.until(lambda: all(address in ask(resolver)[1] for resolver in resolvers), 15)


def test_a_local_network_stays_local(acme: Cloud, inside: dict[str, Cloud], image: str) -> None:
    """A hint keeps it in one zone, and the refusal says so."""
    network = acme.network("stay", "10.61.0.0/24", availability_zone_hints=["az1"])
    server = {"name": "x", "flavorRef": "1", "imageRef": image, "networks": [{"uuid": network}]}
    refused = acme.send("compute", "POST", "/servers", {"server": {**server, "availability_zone": "az2"}})
    assert refused.status_code == 409, refused.text
    assert "its hint is az1" in refused.text
    acme.drop("network", network)
    acme.gone("network", network)


def test_a_remote_group_across_zones(acme: Cloud, inside: dict[str, Cloud], image: str) -> None:
    """A new member in the other zone is let in, one that leaves the group is shut out; foreign rules stay."""
    network = acme.network("guarded", "10.62.0.0/24")
    front = group(acme, "front")
    back = group(acme, "back", *({**rule, "remote_group_id": front} for rule in (PINGS[0], WEB)))
    nics = [{"uuid": network}]
    servers = {
        "in": boot(acme, image, "guard-in", "az2", nics, security_groups=[{"name": back}]),
        "out": boot(acme, image, "guard-out", "az1", nics, security_groups=[{"name": back}]),
    }
    _, target = seat(acme, inside, servers["in"], "az2")
    outer, address = seat(acme, inside, servers["out"], "az1")
    assert probes.has_address(outer, address)
    assert probes.silent(outer, target)
    there = inside["az2"]
    (kept,) = [g for g in there.listed("security_group") if g["name"] == "back"]
    rule = {"security_group_id": kept["id"], "direction": "ingress", "protocol": "udp", "ethertype": "IPv4"}
    foreign = there.call("network", "POST", "/security-group-rules", {"security_group_rule": rule})
    (port,) = acme.listed("port", f"?device_id={servers['out']}")

    began = time.monotonic()
    acme.call("network", "PUT", f"/ports/{port['id']}", {"port": {"security_groups": [front]}})
    assert probes.until(lambda: probes.web(outer, target) == "guard-in", SOON, 0.1)
    let_in = time.monotonic() - began
    assert probes.ping(outer, target)
    began = time.monotonic()
    acme.call("network", "PUT", f"/ports/{port['id']}", {"port": {"security_groups": [back]}})
    assert probes.until(lambda: not probes.inside(outer, "ping", "-n", "-c1", "-W1", target)[0], SOON, 0.1)
    shut_out = time.monotonic() - began
    assert probes.silent(outer, target)
    print(f"\na member in another zone: let in after {let_in:.1f} s, shut out after {shut_out:.1f} s")
    (kept,) = [g for g in there.listed("security_group") if g["name"] == "back"]
    rules = kept["security_group_rules"]
    assert foreign["security_group_rule"]["id"] in [r["id"] for r in rules]
    assert there.call("network", "GET", "/address-groups")["address_groups"]
    for server in servers.values():
        acme.drop("server", server)
        acme.gone("server", server)
    acme.drop("network", network)
    acme.gone("network", network)
    for one in (back, front):
        acme.drop("security_group", one)
        acme.gone("security_group", one)
    mine = f"/address-groups?project_id={there.project_id}"
    until(lambda: not there.call("network", "GET", mine)["address_groups"], 60, "az2 holds no members of ours")
