"""Task graphs over two zones, with packets: what Tricircle's smoke tests drew, and what they never sent through it.

Only on a lab with a data plane (`python -m lab up 2 --net`). One stage is used by all, in this order; each draws what
it needs there by itself. Strangers stand beside it the whole time. docs/reference/network.md says which graph is where.
"""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from lab.network.switches import INET, INTERNET_IP
from tests.e2e import packets
from tests.e2e.cloud import Cloud
from tests.e2e.packets import SOON, boot, probes
from tests.e2e.rig import ROOT, ZONES, Rig
from tests.e2e.stage import RESOLVER, Seat, Stage

pytestmark = [pytest.mark.lab, packets.needed, pytest.mark.usefixtures("wan", "strangers")]


@pytest.fixture(scope="module")
def stage(acme: Cloud, inside: dict[str, Cloud], image: str) -> Iterator[Stage]:
    """Drawn once; all that tests add to it goes with it."""
    made = Stage(acme, inside, image)
    try:
        yield made.draw()
    finally:
        made.wipe()


@pytest.fixture(scope="module")
def early(stage: Stage) -> str:
    """The servers boot; az1 is on the router by then, and its port has a floating IP; az2 joins later."""
    one, two = (stage.seats[zone] for zone in ZONES)
    for which in ("own", "own6", "six"):
        stage.attach(stage.router, one.subnets[which])
    address: str = stage.floating_ip(one.ports["own"]["id"])["floating_ip_address"]
    for zone in ZONES:
        stage.boot(zone)
    for seat in (one, two):
        seat.there = stage.find(seat.server, seat.zone)
        for which in ("own", "bare"):
            assert probes.has_address(seat.there, seat.address(which)), probes.addresses(seat.there)
    for which in ("own", "own6", "six"):
        stage.attach(stage.router, two.subnets[which])
    return address


@pytest.fixture
def both(stage: Stage, early: str) -> tuple[Seat, Seat]:
    """The servers, which run; a router is over both."""
    assert early
    return stage.seats["az1"], stage.seats["az2"]


def took(look: Callable[[], object], limit: float = 60) -> float:
    began = time.monotonic()
    assert probes.until(look, limit, 0.1)
    return time.monotonic() - began


def test_a_network_without_a_gateway(both: tuple[Seat, Seat]) -> None:
    """It spans both zones, needs no router, and leads nowhere else."""
    one, two = both
    assert one.reaches(two.address("bare"), "-I", one.device("bare"))
    for seat in both:
        defaults = [route["gateway"] for route in json.loads(probes.inside(seat.there, "ip", "-j", "route")[1])
                    if route["dst"] == "default"]  # fmt: skip
        assert defaults == [seat.address("own").rpartition(".")[0] + ".1"]


def test_one_gateway_drawn_before_and_after_boot(stage: Stage, both: tuple[Seat, Seat], early: str) -> None:
    """A floating IP that its port had before it had a server; a network that joined when its server ran already."""
    one, two = both
    joined = took(lambda: one.answers(two.address("own")))
    assert two.reaches(one.address("own"))
    late = stage.floating_ip(two.ports["own"]["id"])["floating_ip_address"]
    for seat, address in ((one, early), (two, late)):
        assert probes.until(lambda a=address: probes.web_from_internet(a), 60) == f"stage-{seat.zone}"  # type: ignore[misc]
        assert probes.until(lambda s=seat, a=address: probes.seen_by_internet(s.there) == a, 60)  # type: ignore[misc]
    for here, there in ((1, 2), (2, 1)):
        to = [f"10.40.{there}.0/24", f"fd00:40:{there}::/64", f"fd00:41:{there}::/64"]
        assert probes.until(lambda h=here, t=to: stage.routes(f"az{h}", stage.router) == t), here  # type: ignore[misc]
    print(f"\na network that was attached after its server booted: reached after {joined:.1f} s")


def test_ipv6_addresses_by_dhcp_and_beside_it(both: tuple[Seat, Seat]) -> None:
    """DHCP gives the address that vregion chose, or only says what else there is; both reach the other zone."""
    one, two = both
    for seat in both:
        for which in ("own", "six"):
            assert seat.shows(f" {seat.address(which, 6)}/", "ip", "-6", "-o", "addr"), (seat.zone, which)
        assert seat.shows(RESOLVER, "cat", "/etc/resolv.conf")
        shown = probes.inside(seat.there, "ip", "-6", "-o", "addr", "show", "dev", seat.device("own"))[1]
        assert "mngtmpaddr" not in shown, "the server made none of its own there"
        for which, prefix in (("own", "fd00:40::/32"), ("six", "fd00:41::/32")):
            assert seat.shows("via", "ip", "-6", "route", "show", "default", "dev", seat.device(which)), which
            seat.leads(which, prefix)
    for which in ("own", "six"):
        assert one.reaches(two.address(which, 6)), which
        assert two.reaches(one.address(which, 6)), which


def test_a_remote_group_over_ipv6(stage: Stage, both: tuple[Seat, Seat]) -> None:
    """A member in the other zone is let in by its IPv6 address; one that leaves the group is shut out."""
    one, two = both
    front = packets.group(stage.acme, "front6")
    back = packets.group(stage.acme, "back6", {**packets.PINGS[1], "remote_group_id": front})

    def guard(seat: Seat, *groups: str) -> None:
        stage.ask("PUT", f"/ports/{seat.ports['own']['id']}", {"port": {"security_groups": groups}})

    one.leads("own", "fd00:40::/32")
    try:
        guard(two, back)
        assert one.loses(two.address("own", 6))
        guard(one, stage.opened, front)
        let_in = took(lambda: one.answers(two.address("own", 6)), SOON)
        assert not one.answers(two.address("own")), "nothing was said of IPv4"
        guard(one, stage.opened)
        shut_out = took(lambda: not one.answers(two.address("own", 6)), SOON)
        assert one.loses(two.address("own", 6))
    finally:
        for seat in both:
            guard(seat, stage.opened)
        for made in (back, front):
            stage.acme.drop("security_group", made)
            stage.acme.gone("security_group", made)
    assert one.reaches(two.address("own", 6))
    print(f"\na member over IPv6: let in after {let_in:.1f} s, shut out after {shut_out:.1f} s")


def test_a_range_of_forwarded_ports(stage: Stage, both: tuple[Seat, Seat]) -> None:
    """Each port of the range leads to its own one inside, the next one nowhere; a smaller range forgets the rest."""
    two = both[1]
    for port in ("82", "83"):
        two.background("busybox", "httpd", "-f", "-p", port, "-h", "/tmp")
    ip = stage.floating(two)
    path, address = f"/floatingips/{ip['id']}/port_forwardings", ip["floating_ip_address"]
    stage.ask("PUT", f"/floatingips/{ip['id']}", {"floatingip": {"port_id": None}})
    inner = {"internal_port_id": two.ports["own"]["id"], "internal_ip_address": two.address("own"), "protocol": "tcp"}
    wish = {**inner, "internal_port_range": "81:83", "external_port_range": "8081:8083"}
    made = stage.ask("POST", path, {"port_forwarding": wish})["port_forwarding"]
    assert (made["internal_port_range"], made["external_port_range"]) == ("81:83", "8081:8083")
    assert probes.until(lambda: connects(address, 8082), 60)
    assert [port for port in range(8080, 8086) if connects(address, port)] == [8082, 8083]
    smaller = {"internal_port_range": "81:82", "external_port_range": "8081:8082"}
    stage.ask("PUT", f"{path}/{made['id']}", {"port_forwarding": smaller})
    assert probes.until(lambda: not connects(address, 8083), 30)
    assert probes.until(lambda: connects(address, 8082), 10)
    stage.ask("DELETE", f"{path}/{made['id']}")
    assert probes.until(lambda: not connects(address, 8082), 30)
    stage.ask("PUT", f"/floatingips/{ip['id']}", {"floatingip": {"port_id": two.ports["own"]["id"]}})
    assert probes.until(lambda: probes.web_from_internet(address), 60) == "stage-az2"


def connects(address: str, port: int) -> bool:
    """Whether something listens there, seen from the internet."""
    source = ("--interface", INTERNET_IP)
    return probes.attempt("ip", "netns", "exec", INET, *probes.CURL, *source, f"http://{address}:{port}/")[0]


def test_a_limit_slows_a_stream(stage: Stage, both: tuple[Seat, Seat]) -> None:
    """What leaves a port, then what comes into a network: the rule's number, a changed number, and none again."""
    one, two = both
    two.background("iperf3", "-s")
    free = until_rate(one, two, lambda rate: rate > 25)
    policy = stage.ask("POST", "/qos/policies", {"policy": {"name": "stage"}})["policy"]["id"]
    rules = f"/qos/policies/{policy}/bandwidth_limit_rules"
    rule = stage.ask("POST", rules, {"bandwidth_limit_rule": {"max_kbps": 2000, "direction": "egress"}})
    port = f"/ports/{one.ports['own']['id']}"
    stage.ask("PUT", port, {"port": {"qos_policy_id": policy}})
    slow = until_rate(one, two, lambda rate: rate < 5)
    changed = {"bandwidth_limit_rule": {"max_kbps": 8000}}
    stage.ask("PUT", f"{rules}/{rule['bandwidth_limit_rule']['id']}", changed)
    faster = until_rate(one, two, lambda rate: 5 < rate < 18)
    stage.ask("PUT", port, {"port": {"qos_policy_id": None}})
    until_rate(one, two, lambda rate: rate > 25)
    stage.ask(
        "PUT", f"{rules}/{rule['bandwidth_limit_rule']['id']}", {"bandwidth_limit_rule": {"direction": "ingress"}}
    )
    network = f"/networks/{two.ports['bare']['network_id']}"
    stage.ask("PUT", network, {"network": {"qos_policy_id": policy}})
    inward = until_rate(one, two, lambda rate: 2 < rate < 18, "bare")
    stage.ask("PUT", network, {"network": {"qos_policy_id": None}})
    until_rate(one, two, lambda rate: rate > 25, "bare")
    stage.ask("DELETE", f"/qos/policies/{policy}")
    print(f"\nMbit/s: {free:.0f} without a limit, {slow:.1f} with 2, {faster:.1f} with 8, {inward:.1f} into 8")


def until_rate(one: Seat, two: Seat, holds: Callable[[float], bool], over: str = "own") -> float:
    """Mbit/s from server to server, once they are as they shall be.

    Neutron's meters see what comes into a port from another host, not from a router on its own: hence `over`.
    """
    seen: list[float] = []

    def measured() -> bool:
        words = ("iperf3", "-c", two.address(over), "-t", "2", "-J")
        told = json.loads(probes.inside(one.there, *words)[1] or "{}")
        seen.append(told.get("end", {}).get("sum_received", {}).get("bits_per_second", 0) / 1e6)
        return holds(seen[-1])

    assert probes.until(measured, SOON), seen
    return seen[-1]


def test_a_foreign_source_is_dropped_unless_it_is_allowed(stage: Stage, both: tuple[Seat, Seat]) -> None:
    """An address that is not the port's, then as one of its pairs; without port security any."""
    one, two = both
    more = [one.address("own").rpartition(".")[0] + f".{last}" for last in (77, 78)]
    for address in more:
        probes.inside(one.there, "ip", "addr", "add", f"{address}/24", "dev", one.device("own"))
    paired, other = (("-I", address) for address in more)
    assert not any(one.answers(two.address("own"), *paired) for _ in range(3))
    port = f"/ports/{one.ports['own']['id']}"
    stage.ask("PUT", port, {"port": {"allowed_address_pairs": [{"ip_address": more[0]}]}})
    assert one.reaches(two.address("own"), *paired, limit=SOON)
    assert not any(one.answers(two.address("own"), *other) for _ in range(3))
    stage.ask("PUT", port, {"port": {"allowed_address_pairs": []}})
    assert one.loses(two.address("own"), *paired)
    stage.ask("PUT", port, {"port": {"port_security_enabled": False, "security_groups": []}})
    assert one.reaches(two.address("own"), *other, limit=SOON)
    stage.ask("PUT", port, {"port": {"port_security_enabled": True, "security_groups": [stage.opened]}})
    assert one.loses(two.address("own"), *other)
    assert one.reaches(two.address("own"))


def test_a_dead_zone_catches_up(stage: Stage, both: tuple[Seat, Seat], rig: Rig) -> None:
    """Az2 is dead. What it carries it goes on to carry; az1 lives on; what was drawn meanwhile comes true later."""
    one, two = both
    late = stage.floating(two)
    pings = stage.acme.show("security_group", stage.opened)["security_group_rules"]
    (ping,) = [rule["id"] for rule in pings if rule["protocol"] == "icmp"]
    hidden = stage.network("hidden", zone="az2")
    with rig.dead(2):
        assert one.reaches(two.address("own"), limit=SOON)
        near = _neighbour(stage, 3, "az1")
        far = _neighbour(stage, 4, "az2")
        near.there = stage.find(near.server, "az1")
        assert near.reaches(one.address("own"))
        assert near.answers(two.address("own")) is False, "the way back is not drawn in az2 yet"
        assert stage.acme.show("server", far.server)["status"] == "BUILD"
        stage.acme.drop("network", hidden)
        stage.acme.gone("network", hidden)
        stage.ask("DELETE", f"/floatingips/{late['id']}")
        stage.ask("DELETE", f"/security-group-rules/{ping}")
        assert near.loses(one.address("own"))
        assert one.reaches(two.address("own"), limit=SOON), "az2 has not heard of it"
        assert probes.web_from_internet(late["floating_ip_address"]) == "stage-az2", "nor of that"
    back = time.monotonic()
    assert one.loses(two.address("own"), limit=60)
    assert probes.until(lambda: not probes.web_from_internet(late["floating_ip_address"]), 60)
    far.there = stage.find(far.server, "az2")
    body = {"security_group_id": stage.opened, "direction": "ingress", **packets.PINGS[0]}
    stage.ask("POST", "/security-group-rules", {"security_group_rule": body})
    assert near.reaches(two.address("own"))
    assert near.reaches(far.address("own"))
    assert far.reaches(one.address("own"))
    print(f"\nall that was drawn while az2 was dead holds {time.monotonic() - back:.0f} s after its return")
    for seat in (near, far):
        stage.acme.drop("server", seat.server)
        stage.acme.gone("server", seat.server)
        stage.servers.remove(seat.server)
        stage.detach(stage.router, seat.subnets["own"])


def _neighbour(stage: Stage, number: int, zone: str) -> Seat:
    """A network on the router and a server on it, both new."""
    seat = Seat(zone)
    network = stage.network(f"late-{zone}", f"10.40.{number}.0/24", zone)
    (seat.subnets["own"],) = stage.acme.show("network", network)["subnets"]
    stage.attach(stage.router, seat.subnets["own"])
    wish = {"network_id": network, "security_groups": [stage.opened]}
    seat.ports["own"] = stage.acme.make("port", **wish)
    seat.server = boot(stage.acme, stage.image, f"late-{zone}", zone, [{"port": seat.ports["own"]["id"]}])
    stage.servers.append(seat.server)
    return seat


def test_several_gateways_and_a_router_between(stage: Stage, both: tuple[Seat, Seat]) -> None:
    """Each network has a router that leads out; a third one leads across, by the routes that DHCP tells the servers."""
    one, two = both
    stage.unreached(two)
    stage.detach(stage.router, two.subnets["own"])
    exit_two, across = stage.add_router("exit-az2", gateway=True), stage.add_router("across")
    stage.attach(exit_two, two.subnets["own"])
    assert one.loses(two.address("own")), "nothing leads across"
    for here, there in ((one, two), (two, one)):
        prefix, other = ((seat.address("own").rpartition(".")[0]) for seat in (here, there))
        door = {"network_id": here.ports["own"]["network_id"], "fixed_ips": [{"ip_address": f"{prefix}.254"}]}
        stage.attach(across, port=stage.acme.make("port", **door)["id"])
        route = {"destination": f"{other}.0/24", "nexthop": f"{prefix}.254"}
        stage.ask("PUT", f"/subnets/{here.subnets['own']}", {"subnet": {"host_routes": [route]}})
        renew(here, f"{other}.0/24 via {prefix}.254 ")
    assert one.reaches(two.address("own"))
    assert two.reaches(one.address("own"))
    for here, there in ((one, two), (two, one)):
        way = probes.inside(here.there, "ip", "route", "get", there.address("own"))[1]
        assert f"via {here.address('own').rpartition('.')[0]}.254" in way
    assert stage.routes("az2", exit_two) == []
    assert stage.routes("az1", across) == ["10.40.2.0/24"]
    outside = stage.there("az2", exit_two)["external_gateway_info"]["external_fixed_ips"][0]["ip_address"]
    assert probes.until(lambda: probes.seen_by_internet(two.there), 60) == outside
    for router, seats in ((across, both), (exit_two, (two,))):
        for seat in seats:
            if router == across:
                stage.ask("PUT", f"/subnets/{seat.subnets['own']}", {"subnet": {"host_routes": []}})
            stage.detach(router, seat.subnets["own"])


def renew(seat: Seat, route: str) -> None:
    """Ask DHCP again, as a client does in time, until it tells the host's route (option 121)."""
    script = ROOT / "lab" / "plugins" / "nova_virt" / "udhcpc.sh"

    def told() -> bool:
        asking = ("-O", "staticroutes", "-n", "-q", "-t", "5", "-T", "1")
        probes.inside(seat.there, "busybox", "udhcpc", "-i", seat.device("own"), "-s", str(script), *asking)
        return route in probes.inside(seat.there, "ip", "route")[1]

    assert probes.until(told, SOON, 1)
