"""QoS policies as rows, on both databases: whose they are, who may use them, what holds them, what zones can do."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.network.network_rows import NOW, caller, network
from vregion.model.backend import Binding
from vregion.model.refusals import Conflict, Forbidden, NotFound, Unsupported
from vregion.model.resource import Kind, Resource
from vregion.region import networks, ports, qos_policies, qos_rules, rbac_policies, resources
from vregion.region.regions import Region, Transaction

MINE, THEIRS = caller("p1", "manager"), caller("p2", "manager")
ZONE = Binding("x", "r1", "az1", "b1", "enabled", default=True)


async def policy(tx: Transaction, **wanted: Any) -> Resource:
    return await qos_policies.create(tx, MINE, {"name": "q", "shared": False, "is_default": False, **wanted}, NOW)


async def test_anothers_is_not_found_and_a_shared_one_may_be_used(region: Region) -> None:
    async with region.write() as tx:
        made = await policy(tx)
        rule = await qos_rules.create(tx, MINE, made.id, "dscp_marking", {"dscp_mark": 8}, [], NOW)
        on = await network(tx, THEIRS)
        for refused in (
            qos_policies.get(tx, THEIRS, made.id),
            qos_policies.delete(tx, THEIRS, made.id, None, NOW),
            qos_rules.policy_of(tx, THEIRS, "dscp_marking", rule["id"]),
            qos_rules.delete(tx, THEIRS, made.id, rule["id"], NOW),
            networks.update(tx, THEIRS, on.id, {"qos_policy_id": made.id}, None, NOW),
            ports.create(tx, THEIRS, {"network_id": on.id, "qos_policy_id": made.id}, NOW),
        ):
            with pytest.raises(NotFound):
                await refused
        await qos_policies.update(tx, MINE, made.id, {"shared": True}, None, NOW)
        await networks.update(tx, THEIRS, on.id, {"qos_policy_id": made.id}, None, NOW)
        with pytest.raises(NotFound, match="could not be found"):
            await qos_policies.update(tx, THEIRS, made.id, {"name": "x"}, None, NOW)
        with pytest.raises(Forbidden, match="create_policy_dscp_marking_rule"):
            await qos_rules.create(tx, THEIRS, made.id, "dscp_marking", {"dscp_mark": 8}, [], NOW)
        with pytest.raises(Conflict, match="other objects depend"):
            await qos_policies.update(tx, MINE, made.id, {"shared": False}, None, NOW)
        with pytest.raises(Conflict, match=f"used by network {on.id}"):
            await qos_policies.delete(tx, MINE, made.id, None, NOW)


async def test_who_lost_sight_of_a_policy_cannot_take_it_off(region: Region) -> None:
    async with region.write() as tx:
        made = await policy(tx, shared=True)
        on = await network(tx, THEIRS, qos_policy_id=made.id)
        hidden = await resources.get(tx, Kind.QOS_POLICY, made.id)
        await resources.change(tx, hidden, spec={**hidden.spec, "shared": False})
        with pytest.raises(Forbidden, match="not authorized"):
            await networks.update(tx, THEIRS, on.id, {"qos_policy_id": None}, None, NOW)


async def test_one_default_for_each_project(region: Region) -> None:
    async with region.write() as tx:
        first, second = await policy(tx, is_default=True), await policy(tx)
        with pytest.raises(Conflict, match="A default QoS policy exists"):
            await qos_policies.update(tx, MINE, second.id, {"is_default": True}, None, NOW)
        assert (await network(tx, MINE)).spec["qos_policy_id"] == first.id
        assert (await network(tx, THEIRS)).spec["qos_policy_id"] is None
        assert (await network(tx, MINE, qos_policy_id=second.id)).spec["qos_policy_id"] == second.id


async def test_what_is_guaranteed_to_a_server_stays(region: Region) -> None:
    async with region.write() as tx:
        made = await policy(tx)
        rule = await qos_rules.create(
            tx, MINE, made.id, "minimum_bandwidth", {"min_kbps": 5, "direction": "egress"}, [], NOW
        )
        on = await network(tx, MINE, qos_policy_id=made.id)
        port = await ports.create(tx, MINE, {"network_id": on.id, "device_owner": "compute:az1"}, NOW)
        with pytest.raises(Unsupported, match="tracked in Placement"):
            await qos_rules.delete(tx, MINE, made.id, rule["id"], NOW)
        other = await policy(tx)
        await ports.update(tx, MINE, port.id, {"qos_policy_id": other.id}, None, NOW)
        await qos_rules.delete(tx, MINE, made.id, rule["id"], NOW)


async def test_a_zone_takes_what_it_can_carry_out(region: Region) -> None:
    limited = replace(ZONE, qos_rule_types={"bandwidth_limit": []})
    async with region.write() as tx:
        made = await policy(tx)
        await qos_rules.create(tx, MINE, made.id, "dscp_marking", {"dscp_mark": 8}, [limited], NOW)
        on = await network(tx, MINE)
        port = await ports.create(tx, MINE, {"network_id": on.id, "qos_policy_id": made.id}, NOW)
        plain = await ports.create(tx, MINE, {"network_id": on.id}, NOW)
        with pytest.raises(
            Conflict, match=f"Rule dscp_marking is not supported by port {port.id} in availability zone az1"
        ):
            await ports.plug(tx, MINE, {"port": port.id}, "s1", "p1", limited, [], NOW)
        with pytest.raises(Conflict, match="has no QoS"):
            await ports.plug(tx, MINE, {"port": port.id}, "s1", "p1", replace(ZONE, qos_rule_types={}), [], NOW)
        await ports.plug(tx, MINE, {"port": plain.id}, "s1", "p1", replace(ZONE, qos_rule_types={}), [], NOW)
        await ports.plug(tx, MINE, {"port": port.id}, "s1", "p1", ZONE, [], NOW)
        wanted = {"max_kpps": 5, "max_burst_kpps": 0, "direction": "egress"}
        with pytest.raises(Conflict, match="Rule packet_rate_limit is not supported in availability zone az1"):
            await qos_rules.create(tx, MINE, made.id, "packet_rate_limit", wanted, [limited], NOW)


def test_types_of_rules_are_what_every_zone_with_qos_has() -> None:
    one = replace(ZONE, qos_rule_types={"bandwidth_limit": ["p"], "dscp_marking": []})
    other = replace(ZONE, availability_zone="az2", qos_rule_types={"bandwidth_limit": []})
    zones = [one, other, replace(ZONE, qos_rule_types={}), ZONE]
    assert qos_rules.types(zones) == ["bandwidth_limit"]
    assert qos_rules.types(zones, anywhere=True) == ["bandwidth_limit", "dscp_marking"]
    assert qos_rules.types([ZONE]) == []
    assert qos_rules.details(zones, "dscp_marking") == [{"name": "az1", "supported_parameters": []}]


async def test_an_rbac_policy_lets_one_project_use_it_and_is_held_by_that(region: Region) -> None:
    async with region.write() as tx:
        made = await policy(tx)
        wanted = {
            "object_type": "qos_policy",
            "object_id": made.id,
            "action": "access_as_shared",
            "target_tenant": "p2",
        }
        allowed = await rbac_policies.create(tx, MINE, wanted, NOW)
        on = await network(tx, THEIRS, qos_policy_id=made.id)
        with pytest.raises(NotFound):
            await qos_policies.get(tx, caller("p3"), made.id)
        with pytest.raises(Conflict, match="other objects depend on it"):
            await rbac_policies.delete(tx, MINE, allowed.id)
        await networks.update(tx, THEIRS, on.id, {"qos_policy_id": None}, None, NOW)
        await rbac_policies.delete(tx, MINE, allowed.id)
        with pytest.raises(NotFound):
            await qos_policies.get(tx, THEIRS, made.id)
