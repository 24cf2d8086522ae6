"""QoS policies: made by who may, with rules that become what is wanted, used by what can have one."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.drivers.bench import Bench, Cloud
from vregion.drivers.contract import Driver, Permanent, Transient
from vregion.model.resource import Kind

pytestmark = pytest.mark.asyncio(loop_scope="module")


def rule(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


LIMIT = rule("bandwidth_limit", max_kbps=400, max_burst_kbps=0, direction="egress")
FLOOR = rule("minimum_bandwidth", min_kbps=300, direction="egress")
MARK = rule("dscp_marking", dscp_mark=26)


def plain(rules: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What the suite wants of rules, in an order of its own."""
    keys = ("type", "direction", "max_kbps", "max_burst_kbps", "min_kbps", "dscp_mark")
    return sorted((tuple(str(one.get(key)) for key in keys) for one in rules), key=str)


@pytest_asyncio.fixture(loop_scope="module")
async def makers(cloud: Cloud) -> AsyncIterator[Bench]:
    """The administrator's bench."""
    assert "network.qos" in (await cloud.admin.check()).capabilities
    bench = Bench(cloud.admin)
    yield bench
    await bench.clear()


async def test_a_plain_member_makes_none(makers: Bench, driver: Driver) -> None:
    with pytest.raises(Permanent) as refused:
        await driver.collections[Kind.QOS_POLICY].create("m", {"name": "suite"})
    assert refused.value.status == 403


async def test_rules_become_what_is_wanted(makers: Bench, driver: Driver, cloud: Cloud) -> None:
    """Added, changed in an order that the cloud accepts, kept with their ids, removed; and what a check says."""
    policies = cloud.admin.collections[Kind.QOS_POLICY]
    made = await makers.make(Kind.QOS_POLICY, {"name": "suite", "project_id": await driver.project()})
    own = made.external_id
    assert made.document["rules"] == []
    assert (await driver.collections[Kind.QOS_POLICY].get(own)).document["name"] == "suite"
    steps: tuple[list[dict[str, Any]], ...] = (
        [LIMIT, FLOOR, MARK],
        [LIMIT | {"max_kbps": 200}, FLOOR | {"min_kbps": 100}],
        [LIMIT | {"max_kbps": 900}, FLOOR | {"min_kbps": 800}, MARK],
        [LIMIT, LIMIT | {"direction": "ingress"}],
        [],
    )
    known: dict[tuple[Any, ...], str] = {}
    for wanted in steps:
        seen = await policies.update(own, {"name": "suite", "rules": wanted})
        assert plain(seen.document["rules"]) == plain(wanted)
        ids = {(one["type"], one.get("direction")): one["id"] for one in seen.document["rules"]}
        assert all(ids[key] == known[key] for key in ids.keys() & known.keys())
        known = ids
    types = (await cloud.admin.check()).services["network"]["qos_rule_types"]
    assert {"bandwidth_limit", "dscp_marking"} <= types.keys()


async def test_a_network_and_a_port_have_it_and_hold_it(
    makers: Bench, bench: Bench, driver: Driver, cloud: Cloud
) -> None:
    policies, ports = cloud.admin.collections[Kind.QOS_POLICY], driver.collections[Kind.PORT]
    own = (await makers.make(Kind.QOS_POLICY, {"name": "s", "project_id": await driver.project()})).external_id
    network = await bench.make(Kind.NETWORK, {"name": "suite", "qos_policy_id": own})
    assert network.document["qos_policy_id"] == own
    await bench.make(
        Kind.SUBNET, {"name": "s", "network_id": network.external_id, "ip_version": 4, "cidr": "10.95.0.0/24"}
    )
    port = await bench.make(Kind.PORT, {"name": "suite", "network_id": network.external_id, "qos_policy_id": own})
    with pytest.raises(Transient):
        await policies.delete(own)
    assert (await ports.update(port.external_id, {"qos_policy_id": None})).document["qos_policy_id"] is None
    seen = await driver.collections[Kind.NETWORK].update(network.external_id, {"qos_policy_id": None})
    assert seen.document["qos_policy_id"] is None
    await policies.delete(own)
    await policies.delete(own)
