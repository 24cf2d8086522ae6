"""Routers and floating IPs: the calls by which a tenant's network is joined with the outside, on every cloud."""

import pytest

from tests.drivers.bench import Bench
from vregion.drivers.contract import Driver, Permanent
from vregion.model.resource import Kind

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROUTE, FOREIGN = ({"destination": f"192.0.{n}.0/24", "nexthop": "10.93.0.9"} for n in (2, 3))


async def outside(driver: Driver) -> str:
    """The id of the cloud's external network, as a check finds it."""
    report = await driver.check()
    assert "network.external" in report.capabilities
    (found,) = report.external_networks
    assert {"cidr", "ip_version", "gateway_ip", "allocation_pools"} <= found["subnets"][0].keys()
    return str(found["id"])


async def test_from_the_inside_to_the_outside_and_back(bench: Bench, driver: Driver) -> None:
    """Gateway, interface, routes, a floating IP; then each taken away, and refused before its users are."""
    external = await outside(driver)
    network = (await bench.make(Kind.NETWORK, {"name": "suite-inside"})).external_id
    body = {"name": "suite-inside", "network_id": network, "ip_version": 4, "cidr": "10.93.0.0/24"}
    subnet = (await bench.make(Kind.SUBNET, body)).external_id
    router = (await bench.ready(Kind.ROUTER, {"name": "suite"})).external_id
    routers, ports, ips = (driver.collections[kind] for kind in (Kind.ROUTER, Kind.PORT, Kind.FLOATING_IP))
    seen = await routers.update(router, {"external_gateway_info": {"network_id": external}})
    assert seen.document["external_gateway_info"]["external_fixed_ips"][0]["ip_address"]

    fixed = [{"subnet_id": subnet, "ip_address": "10.93.0.1"}]
    door = (await bench.make(Kind.PORT, {"name": "door", "network_id": network, "fixed_ips": fixed})).external_id
    answer = await driver.call(Kind.ROUTER, router, "PUT", "/add_router_interface", {"port_id": door})
    assert answer.status == 200
    assert (await ports.get(door)).document["device_id"] == router
    again = await driver.call(Kind.ROUTER, router, "PUT", "/add_router_interface", {"port_id": door})
    assert again.status == 409

    for path, routes in (("/add_extraroutes", [ROUTE, FOREIGN]), ("/remove_extraroutes", [ROUTE])):
        answer = await driver.call(Kind.ROUTER, router, "PUT", path, {"router": {"routes": routes}})
        assert answer.status == 200
    assert (await routers.get(router)).document["routes"] == [FOREIGN]
    down = {"router": {"admin_state_up": False, "routes": []}}
    answer = await driver.call(Kind.ROUTER, router, "PUT", "", down)
    assert answer.body
    assert answer.body["router"]["admin_state_up"] is False
    whole = {"router": {"admin_state_up": True, "routes": [FOREIGN]}}
    answer = await driver.call(Kind.ROUTER, router, "PUT", "", whole)
    assert answer.body
    assert (answer.body["router"]["admin_state_up"], answer.body["router"]["routes"]) == (True, [FOREIGN])
    astray = {"router": {"routes": [ROUTE | {"nexthop": "10.99.0.1"}]}}
    assert (await driver.call(Kind.ROUTER, router, "PUT", "/add_extraroutes", astray)).status == 400

    port = (await bench.make(Kind.PORT, {"name": "inner", "network_id": network})).external_id
    made = await bench.make(Kind.FLOATING_IP, {"floating_network_id": external})
    assert made.document["floating_ip_address"]
    assert made.document["port_id"] is None
    seen = await ips.update(made.external_id, {"port_id": port})
    assert seen.document["router_id"] == router
    assert (await ips.update(made.external_id, {"port_id": port})).document["port_id"] == port
    with pytest.raises(Permanent) as refused:
        await routers.update(router, {"external_gateway_info": None})
    assert refused.value.status == 409
    await ips.update(made.external_id, {"port_id": None})
    unroute = {"router": {"routes": [FOREIGN]}}
    assert (await driver.call(Kind.ROUTER, router, "PUT", "/remove_extraroutes", unroute)).status == 200
    await ports.delete(door)
    await bench.gone(Kind.PORT, door)
    assert (await routers.update(router, {"external_gateway_info": None})).document["external_gateway_info"] is None


async def test_a_floating_ip_leads_through_the_router_that_is_named(bench: Bench, driver: Driver) -> None:
    """Two routers lead out of one subnet. Clouds without `floating-ip-router-writable` refuse the name (400)."""
    external = await outside(driver)
    network = (await bench.make(Kind.NETWORK, {"name": "suite-two"})).external_id
    body = {"name": "two", "network_id": network, "ip_version": 4, "cidr": "10.95.0.0/24"}
    subnet = (await bench.make(Kind.SUBNET, body)).external_id
    made = []
    for address in ("10.95.0.1", "10.95.0.2"):
        router = (await bench.ready(Kind.ROUTER, {"name": "suite-two"})).external_id
        await driver.collections[Kind.ROUTER].update(router, {"external_gateway_info": {"network_id": external}})
        fixed = [{"subnet_id": subnet, "ip_address": address}]
        door = (await bench.make(Kind.PORT, {"name": "door", "network_id": network, "fixed_ips": fixed})).external_id
        answer = await driver.call(Kind.ROUTER, router, "PUT", "/add_router_interface", {"port_id": door})
        assert answer.status == 200
        made.append((router, door))
    port = (await bench.make(Kind.PORT, {"name": "inner", "network_id": network})).external_id
    ip = (await bench.make(Kind.FLOATING_IP, {"floating_network_id": external})).external_id
    ips = driver.collections[Kind.FLOATING_IP]
    for router, _ in reversed(made):
        seen = await ips.update(ip, {"port_id": port, "router_id": router})
        assert seen.document["router_id"] == router
    await ips.update(ip, {"port_id": None})
    for router, door in made:
        await driver.collections[Kind.PORT].delete(door)
        await bench.gone(Kind.PORT, door)
        await driver.collections[Kind.ROUTER].update(router, {"external_gateway_info": None})


async def test_a_router_alone_chooses_an_address_where_others_follow_from_the_mac(bench: Bench, driver: Driver) -> None:
    """Its port says so from the start, and of which router, which takes no port that is named for one already."""
    network = (await bench.make(Kind.NETWORK, {"name": "suite-six"})).external_id
    modes = dict.fromkeys(("ipv6_ra_mode", "ipv6_address_mode"), "slaac")
    body = {"name": "six", "network_id": network, "ip_version": 6, "cidr": "fd00:93::/64", **modes}
    subnet = (await bench.make(Kind.SUBNET, body)).external_id
    port = {"name": "door", "network_id": network, "fixed_ips": [{"subnet_id": subnet, "ip_address": "fd00:93::"}]}
    with pytest.raises(Permanent) as refused:
        await bench.make(Kind.PORT, port)
    assert refused.value.status == 400
    router = (await bench.ready(Kind.ROUTER, {"name": "six"})).external_id
    its = {"device_owner": "network:router_interface", "device_id": router}
    door, ports = (await bench.make(Kind.PORT, port | its)).external_id, driver.collections[Kind.PORT]
    for free, status in (({}, 409), (dict.fromkeys(its, ""), 200)):
        await ports.update(door, {"name": "door", **free})
        answer = await driver.call(Kind.ROUTER, router, "PUT", "/add_router_interface", {"port_id": door})
        assert answer.status == status
    assert (await ports.get(door)).document["fixed_ips"] == [{"subnet_id": subnet, "ip_address": "fd00:93::"}]
    await ports.delete(door)
    await bench.gone(Kind.PORT, door)


async def test_without_a_way_a_floating_ip_does_not_lead_in(bench: Bench, driver: Driver) -> None:
    """404 in the cloud's words, which is no `Gone`."""
    external = await outside(driver)
    network = (await bench.make(Kind.NETWORK, {"name": "suite-shut"})).external_id
    await bench.make(Kind.SUBNET, {"name": "s", "network_id": network, "ip_version": 4, "cidr": "10.94.0.0/24"})
    port = (await bench.make(Kind.PORT, {"name": "inner", "network_id": network})).external_id
    made = await bench.make(Kind.FLOATING_IP, {"floating_network_id": external})
    with pytest.raises(Permanent, match="is not reachable from subnet"):
        await driver.collections[Kind.FLOATING_IP].update(made.external_id, {"port_id": port})


async def test_further_gateways_come_and_go_by_their_addresses(bench: Bench, driver: Driver) -> None:
    """Clouds without `external-gateway-multihoming` say so in their check, and show none (the call is 500 there)."""
    external = await outside(driver)
    router = (await bench.ready(Kind.ROUTER, {"name": "suite-gateways"})).external_id
    of = driver.collections[Kind.ROUTER]
    first = await of.update(router, {"external_gateway_info": {"network_id": external}})
    able = "network.external-gateway-multihoming" in (await driver.check()).capabilities
    assert ("external_gateways" in first.document) == able
    if not able:
        await of.update(router, {"external_gateway_info": None})
        return
    body = {"router": {"external_gateways": [{"network_id": external}] * 2}}
    answer = await driver.call(Kind.ROUTER, router, "PUT", "/add_external_gateways", body)
    assert answer.status == 200
    (one, *more) = (await of.get(router)).document["external_gateways"]
    assert one["external_fixed_ips"] == first.document["external_gateway_info"]["external_fixed_ips"]
    assert len(more) == 2
    body = {"router": {"external_gateways": more[:1]}}
    answer = await driver.call(Kind.ROUTER, router, "PUT", "/remove_external_gateways", body)
    assert answer.status == 200
    assert (await of.get(router)).document["external_gateways"] == [one, more[1]]
    await driver.call(
        Kind.ROUTER, router, "PUT", "/remove_external_gateways", {"router": {"external_gateways": more[1:]}}
    )
    await of.update(router, {"external_gateway_info": None})
