"""Several gateways on one router, with packets: in a zone whose Neutron can, and refused in one that cannot.

Only on a lab whose second region is on OVN (`python -m lab up 2 --planes ovs,ovn`): its router plugin is the one that
has `external-gateway-multihoming`. All is asked for through vregion; the packets are seen in the lab's internet.
By which of several gateways a server leaves, or whether it can, is not looked at: with OVN 23.03 a server of a bare
region behind two of them on one network may get no answers at all (seen), for Neutron does not say which translates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from lab.network.switches import INET, INTERNET_IP
from lab.regions import known
from tests.e2e import packets
from tests.e2e.cloud import Cloud, until
from tests.e2e.packets import PINGS, WEB, boot, group, probes, seat

PLANES = {f"az{region.number}": region.plane for region in known()}
pytestmark = [
    pytest.mark.lab,
    packets.needed,
    pytest.mark.skipif(PLANES != {"az1": "ovs", "az2": "ovn"}, reason="needs python -m lab up 2 --planes ovs,ovn"),
]


@dataclass(frozen=True)
class Scene:
    """A router on one network, which is in az2 with a server; `there` names the server's namespace."""

    outside: str
    router: str
    network: str
    there: str


def gateways(acme: Cloud, scene: Scene) -> list[str]:
    """The addresses that vregion shows, the first gateway's first."""
    shown = acme.show("router", scene.router)["external_gateways"]
    assert {one["network_id"] for one in shown} <= {scene.outside}
    return [ip["ip_address"] for one in shown for ip in one["external_fixed_ips"]]


def told(acme: Cloud, scene: Scene, count: int) -> list[str]:
    found: list[str] = until(lambda: len(now := gateways(acme, scene)) == count and now, 60, f"{count} gateways")
    return found


def change(acme: Cloud, scene: Scene, verb: str, *wanted: Any) -> None:
    path = f"/routers/{scene.router}/{verb}_external_gateways"
    acme.call("network", "PUT", path, {"router": {"external_gateways": list(wanted)}})


def answers(address: str) -> bool:
    """The router answers the internet under that address."""
    return probes.attempt("ip", "netns", "exec", INET, "ping", "-c", "1", "-W", "1", address)[0]


def is_silent(address: str) -> bool:
    return not answers(address)


def assert_leaves_by(acme: Cloud, zone: Cloud, scene: Scene, address: str) -> None:
    """The internet sees the server under that address; if not, all that is on the way there is told."""
    seen: list[str] = []

    def look() -> bool:
        seen.append(probes.seen_by_internet(scene.there))
        return seen[-1] == address

    if probes.until(look, 60):
        return
    owned = f"?project_id={zone.project_id}"
    told = {
        "seen as": seen,
        "the router answers": answers(address),
        "the internet answers itself": probes.web_from_internet(INTERNET_IP),
        "the server": [probes.inside(scene.there, "ip", *what)[1] for what in (["-o", "addr"], ["route"], ["neigh"])],
        "its router answers": probes.inside(scene.there, "ping", "-n", "-c1", "-W1", "10.77.0.1"),
        "in the zone": [zone.listed(what, owned) for what in ("router", "port", "security_group")],
        "here": [acme.show("router", scene.router), acme.show("network", scene.network)],
    }
    raise AssertionError(f"not seen as {address}: {told}")


@pytest.fixture(scope="module")
def scene(acme: Cloud, inside: dict[str, Cloud], image: str) -> Iterator[Scene]:
    """Made through vregion, and taken away again."""
    (outside,) = acme.listed("network", "?router:external=true")
    rules = group(acme, "gateways", *PINGS, WEB)
    body = {"name": "gateways", "external_gateway_info": {"network_id": outside["id"]}}
    router = acme.make("router", **body)["id"]
    on = acme.network("gateways", "10.77.0.0/24")
    (subnet,) = acme.show("network", on)["subnets"]
    acme.call("network", "PUT", f"/routers/{router}/add_router_interface", {"subnet_id": subnet})
    server = boot(acme, image, "gateways", "az2", [{"uuid": on}], security_groups=[{"name": "gateways"}])
    there, _ = seat(acme, inside, server, "az2")
    yield Scene(outside["id"], router, on, there)
    acme.drop("server", server)
    acme.gone("server", server)
    acme.call("network", "PUT", f"/routers/{router}/remove_router_interface", {"subnet_id": subnet})
    acme.drop("network", on)
    acme.drop("router", router)
    acme.drop("security_group", rules)
    project = inside["az2"].project_id
    until(lambda: not inside["az2"].listed("router", f"?project_id={project}"), 60, "the router is gone")


def test_further_gateways_answer_until_they_are_removed(acme: Cloud, inside: dict[str, Cloud], scene: Scene) -> None:
    """Servers leave by the first one before and after."""
    (first,) = told(acme, scene, 1)
    assert_leaves_by(acme, inside["az2"], scene, first)
    change(acme, scene, "add", {"network_id": scene.outside}, {"network_id": scene.outside})
    shown = told(acme, scene, 3)
    assert shown[0] == first
    for address in shown:
        assert probes.until(partial(answers, address), 60), address
    for number, gone in enumerate(shown[1:], 1):
        ips = [{"ip_address": gone}]
        change(acme, scene, "remove", {"network_id": scene.outside, "external_fixed_ips": ips})
        kept = [first, *shown[number + 1 :]]
        assert gateways(acme, scene) == kept
        assert probes.until(partial(is_silent, gone), 60), gone
        assert all(probes.until(partial(answers, address), 10) for address in kept), kept
    assert_leaves_by(acme, inside["az2"], scene, first)


def test_the_first_one_goes_last(acme: Cloud, inside: dict[str, Cloud], scene: Scene) -> None:
    change(acme, scene, "add", {"network_id": scene.outside})
    first, second = told(acme, scene, 2)
    for verb, ip in (("remove", {"ip_address": first}), ("update", None)):
        ips = {"external_fixed_ips": [ip]} if ip else {}
        with pytest.raises(AssertionError, match="409"):
            change(acme, scene, verb, {"network_id": scene.outside, **ips})
    change(acme, scene, "update")
    assert gateways(acme, scene) == []
    for address in (first, second):
        assert probes.until(partial(is_silent, address), 60), address
    change(acme, scene, "update", {"network_id": scene.outside})
    (again,) = told(acme, scene, 1)
    assert probes.until(partial(answers, again), 60), again
    assert_leaves_by(acme, inside["az2"], scene, again)


def test_a_zone_whose_routers_have_one_is_refused(acme: Cloud, scene: Scene, image: str) -> None:
    """The network is in az2 alone; a second one of the router's, for a server in az1, does not bring it there."""
    change(acme, scene, "add", {"network_id": scene.outside})
    told(acme, scene, 2)
    other = acme.network("gateways-az1", "10.78.0.0/24")
    (subnet,) = acme.show("network", other)["subnets"]
    acme.call("network", "PUT", f"/routers/{scene.router}/add_router_interface", {"subnet_id": subnet})
    with pytest.raises(AssertionError, match="has several gateways, and availability zone az1 has one for each router"):
        boot(acme, image, "gateways-az1", "az1", [{"uuid": other}])
    acme.call("network", "PUT", f"/routers/{scene.router}/remove_router_interface", {"subnet_id": subnet})
    acme.drop("network", other)
    plain = acme.make("router", name="plain")["id"]
    on = acme.network("gateways-plain", "10.79.0.0/24")
    (subnet,) = acme.show("network", on)["subnets"]
    acme.call("network", "PUT", f"/routers/{plain}/add_router_interface", {"subnet_id": subnet})
    server = boot(acme, image, "gateways-plain", "az1", [{"uuid": on}])
    two = {"router": {"external_gateways": [{"network_id": scene.outside}] * 2}}
    with pytest.raises(AssertionError, match="availability zone az1 has one for each router"):
        acme.call("network", "PUT", f"/routers/{plain}/add_external_gateways", two)
    assert acme.show("router", plain)["external_gateways"] == []
    acme.drop("server", server)
    acme.gone("server", server)
    acme.call("network", "PUT", f"/routers/{plain}/remove_router_interface", {"subnet_id": subnet})
    acme.drop("network", on)
    acme.drop("router", plain)
