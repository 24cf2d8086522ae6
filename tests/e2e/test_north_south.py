"""North and south with packets: each zone's servers leave by their own zone, and are reached there from outside.

Only on a lab with a data plane (`python -m lab up 2 --net`). All is asked for through vregion; the packets are seen
inside the servers, which are network namespaces of the lab, and in its internet.
"""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lab.network.switches import INTERNET_IP
from tests.e2e import packets
from tests.e2e.cloud import Cloud, until
from tests.e2e.packets import probes
from tests.e2e.rig import ZONES, Rig

pytestmark = [pytest.mark.lab, packets.needed]
OPEN = ({"protocol": "icmp"}, {"protocol": "tcp", "port_range_min": 80, "port_range_max": 80})


@dataclass(frozen=True)
class Seat:
    """A server in a zone: its id there names its namespace; its port is ours, its subnet too."""

    zone: str
    server: str
    there: str
    port: str
    subnet: str
    address: str


@dataclass(frozen=True)
class Scene:
    """One router with a gateway, and on it one network with one server in each zone."""

    outside: str
    router: str
    seats: dict[str, Seat]


def network(acme: Cloud, method: str, path: str, body: Any = None) -> Any:
    return acme.call("network", method, path, body)


@pytest.fixture(scope="module")
def scene(acme: Cloud, inside: dict[str, Cloud], image: str) -> Iterator[Scene]:
    """Made through vregion, and taken away again."""
    (outside,) = acme.listed("network", "?router:external=true")
    group = acme.make("security_group", name="north-south")["id"]
    for rule in OPEN:
        body = {"security_group_id": group, "direction": "ingress", **rule}
        network(acme, "POST", "/security-group-rules", {"security_group_rule": body})
    gateway = {"name": "north-south", "external_gateway_info": {"network_id": outside["id"]}}
    router = network(acme, "POST", "/routers", {"router": gateway})["router"]["id"]
    seats = {}
    for number, zone in enumerate(ZONES):
        on = acme.network(f"north-south-{zone}", f"10.7{number}.0.0/24")
        (subnet,) = acme.show("network", on)["subnets"]
        network(acme, "PUT", f"/routers/{router}/add_router_interface", {"subnet_id": subnet})
        server = {"name": f"ns-{zone}", "flavorRef": "1", "imageRef": image, "availability_zone": zone}
        made = acme.make("server", networks=[{"uuid": on}], security_groups=[{"name": "north-south"}], **server)["id"]
        seats[zone] = (made, on, subnet)
    yield Scene(outside["id"], router, {zone: seat(acme, inside, zone, *found) for zone, found in seats.items()})
    for ip in network(acme, "GET", "/floatingips")["floatingips"]:  # of a test that failed
        network(acme, "DELETE", f"/floatingips/{ip['id']}")
    for server, on, subnet in seats.values():
        acme.drop("server", server)
        acme.gone("server", server)
        network(acme, "PUT", f"/routers/{router}/remove_router_interface", {"subnet_id": subnet})
        acme.drop("network", on)
    network(acme, "DELETE", f"/routers/{router}")
    acme.drop("security_group", group)
    until(lambda: not any(own(cloud, "routers") for cloud in inside.values()), 60, "the routers are gone")


def seat(acme: Cloud, inside: dict[str, Cloud], zone: str, server: str, on: str, subnet: str) -> Seat:
    acme.status("server", server, "ACTIVE", 240)
    (there,) = [one for one in inside[zone].listed("server") if one["name"] == f"ns-{zone}"]
    (port,) = acme.listed("port", f"?device_id={server}")
    return Seat(zone, server, there["id"], port["id"], subnet, port["fixed_ips"][0]["ip_address"])


def own(cloud: Cloud, what: str) -> list[Any]:
    """What acme's project in a zone has."""
    found: list[Any] = network(cloud, "GET", f"/{what}?project_id={cloud.project_id}")[what]
    return found


def gateways(acme: Cloud, scene: Scene) -> dict[str, str]:
    """zone -> the address that vregion shows of the router's gateway there."""
    info = network(acme, "GET", f"/routers/{scene.router}")["router"]["external_gateway_info"]
    names = {one["id"]: one["name"] for one in acme.listed("subnet", f"?network_id={scene.outside}")}
    return {names[ip["subnet_id"]].removeprefix("external-"): ip["ip_address"] for ip in info["external_fixed_ips"]}


def floating_ip(acme: Cloud, scene: Scene, port: str) -> Any:
    body = {"floatingip": {"floating_network_id": scene.outside, "port_id": port}}
    return network(acme, "POST", "/floatingips", body)["floatingip"]


def leaves_as(one: Seat, address: str) -> bool:
    """The internet sees the server under that address."""
    return probes.until(lambda: probes.seen_by_internet(one.there) == address, 60)


def comes_to(address: str, name: str) -> bool:
    """Who asks the address from the internet is answered by that server."""
    return probes.until(lambda: probes.web_from_internet(address) == name, 60)


def cut_off(one: Seat) -> bool:
    """The server reaches no internet."""
    return probes.until(lambda: not probes.web(one.there, INTERNET_IP), 30)


def active(acme: Cloud, name: str) -> None:
    """Wait until the zone says so."""
    reached(acme, name, "ACTIVE")


def reached(acme: Cloud, name: str, status: str) -> None:
    """Wait until a floating IP shows that status."""
    path = f"/floatingips/{name}"
    until(lambda: network(acme, "GET", path)["floatingip"]["status"] == status, 30, f"the floating IP is {status}")


def test_each_zone_leaves_by_its_own_gateway(acme: Cloud, scene: Scene) -> None:
    shown = until(lambda: len(found := gateways(acme, scene)) == 2 and found, 60, "a gateway in both zones")
    for zone, one in scene.seats.items():
        assert probes.has_address(one.there, one.address), probes.addresses(one.there)
        assert leaves_as(one, shown[zone]), zone


def test_floating_ips_come_in_by_their_own_zone_and_survive_a_kill(acme: Cloud, rig: Rig, scene: Scene) -> None:
    made = {zone: floating_ip(acme, scene, one.port) for zone, one in scene.seats.items()}
    for zone, ip in made.items():
        one, address = scene.seats[zone], ip["floating_ip_address"]
        assert comes_to(address, f"ns-{zone}")
        assert leaves_as(one, address)
        (found,) = acme.show("server", one.server)["addresses"].values()
        assert address in [entry["addr"] for entry in found if entry["OS-EXT-IPS:type"] == "floating"]
        active(acme, ip["id"])
    rig.end(signal.SIGKILL)
    for zone, ip in made.items():
        assert probes.web_from_internet(ip["floating_ip_address"]) == f"ns-{zone}"
    rig.serve()
    (first, second) = (ip["id"] for ip in made.values())
    refused = acme.send("network", "PUT", f"/floatingips/{first}", {"floatingip": {"port_id": scene.seats["az2"].port}})
    assert refused.status_code == 409, refused.text
    network(acme, "PUT", f"/floatingips/{first}", {"floatingip": {"port_id": None}})
    address = made["az1"]["floating_ip_address"]
    assert probes.until(lambda: not probes.web_from_internet(address), 30), "it leads nowhere any more"
    for name in (first, second):
        network(acme, "DELETE", f"/floatingips/{name}")


def test_a_forwarded_port_leads_to_its_server(acme: Cloud, scene: Scene) -> None:
    one = scene.seats["az1"]
    made = network(acme, "POST", "/floatingips", {"floatingip": {"floating_network_id": scene.outside}})["floatingip"]
    path, address = f"/floatingips/{made['id']}/port_forwardings", made["floating_ip_address"]
    inner = {"internal_port_id": one.port, "internal_ip_address": one.address, "internal_port": 80}
    wish = {"port_forwarding": {**inner, "external_port": 8080, "protocol": "tcp"}}
    forwarding = network(acme, "POST", path, wish)["port_forwarding"]["id"]
    assert comes_to(f"{address}:8080", "ns-az1")
    assert not probes.web_from_internet(address), "its other ports lead nowhere"
    network(acme, "DELETE", f"{path}/{forwarding}")
    assert probes.until(lambda: not probes.web_from_internet(f"{address}:8080"), 30)
    network(acme, "DELETE", f"/floatingips/{made['id']}")


def test_a_router_that_is_taken_off_the_agent_carries_nothing(acme: Cloud, rig: Rig, scene: Scene) -> None:
    administrator, here = rig.person("router-keeper", "admin"), scene.seats["az1"]
    made = floating_ip(acme, scene, here.port)
    address = made["floating_ip_address"]
    assert comes_to(address, "ns-az1")
    active(acme, made["id"])
    (agent,) = network(administrator, "GET", "/agents?agent_type=L3 Agent")["agents"]
    assert agent["alive"]
    assert agent["configurations"]["routers"] == 1
    words = f"router --l3 {agent['id']} {scene.router}"
    rig.openstack(f"network agent remove {words}", cloud="router-keeper")
    assert probes.until(lambda: not probes.web_from_internet(address), 30), "it leads nowhere"
    assert all(cut_off(one) for one in scene.seats.values())
    reached(acme, made["id"], "DOWN")
    rig.openstack(f"network agent add {words}", cloud="router-keeper")
    assert comes_to(address, "ns-az1")
    assert all(probes.seen_by_internet(one.there) for one in scene.seats.values())
    active(acme, made["id"])
    network(acme, "DELETE", f"/floatingips/{made['id']}")


def test_a_router_leaves_its_zone_with_the_last_network(acme: Cloud, inside: dict[str, Cloud], scene: Scene) -> None:
    one = scene.seats["az2"]
    network(acme, "PUT", f"/routers/{scene.router}/remove_router_interface", {"subnet_id": one.subnet})
    until(lambda: not own(inside["az2"], "routers"), 60, "the router has left")
    assert probes.until(lambda: not probes.seen_by_internet(one.there), 10)
    assert own(inside["az1"], "routers")
    network(acme, "PUT", f"/routers/{scene.router}/add_router_interface", {"subnet_id": one.subnet})
    assert probes.until(lambda: probes.seen_by_internet(one.there), 60), "it is back, and so is the way out"
