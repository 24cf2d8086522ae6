"""What projects share with each other: who sees it, who uses it, who changes it, and what holds a policy."""

from typing import Any

import pytest

from tests.unit.network.network_rows import CIDR, NOW, caller, network, subnet
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Forbidden, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import (
    address_groups,
    networks,
    ports,
    rbac_policies,
    resources,
    security_groups,
    sharing,
    subnets,
    usages,
)
from vregion.region.regions import Region, Transaction
from vregion.region.resources import Query

WHO, OTHER, THIRD, ADMIN = caller(), caller("p2"), caller("p3"), caller("p9", "admin")


async def share(tx: Transaction, thing: Resource, target: str, who: Caller = WHO, **more: str) -> Resource:
    wanted = {"object_type": thing.kind.value, "object_id": thing.id, "target_tenant": target}
    return await rbac_policies.create(tx, who, {**wanted, "action": "access_as_shared", **more}, NOW)


async def seen(tx: Transaction, who: Caller, kind: Kind, arguments: dict[str, Any]) -> set[str]:
    return {one.id for one in await resources.list_resources(tx, Query(kind, **arguments))}


async def test_a_network_is_seen_and_used_by_whom_it_is_shared_with(region: Region) -> None:
    async with region.write() as tx:
        on = await network(tx, WHO)
        inside = await subnet(tx, WHO, on, **CIDR)
        policy = await share(tx, on, OTHER.project_id)
        later = await subnet(tx, WHO, on, ip_version=4, cidr="10.9.0.0/24")
        for who, sees in ((WHO, True), (OTHER, True), (THIRD, False), (ADMIN, True)):
            assert (on.id in await seen(tx, who, Kind.NETWORK, networks.visible(who))) == sees
            both = await seen(tx, who, Kind.SUBNET, networks.visible(who))
            assert ({inside.id, later.id} <= both) == sees
        with pytest.raises(NotFound):
            await networks.get(tx, THIRD, on.id)
        with pytest.raises(Forbidden):
            await networks.update(tx, OTHER, on.id, {"name": "x"}, None, NOW)
        assert [one.id for one in await networks.candidates(tx, OTHER.project_id)] == [on.id]
        port = await ports.create(tx, OTHER, {"network_id": on.id}, NOW)
        with pytest.raises(Conflict) as used:
            await rbac_policies.delete(tx, WHO, policy.id)
        assert used.value.kind == "RbacPolicyInUse"
        with pytest.raises(Conflict):
            await rbac_policies.update(tx, WHO, policy.id, {"target_tenant": THIRD.project_id})
        await ports.delete(tx, OTHER, port.id, None, NOW)
        await rbac_policies.update(tx, WHO, policy.id, {"target_tenant": THIRD.project_id})
        with pytest.raises(NotFound):
            await subnets.get(tx, OTHER, inside.id)
        assert (await subnets.get(tx, THIRD, inside.id)).id == inside.id


async def test_a_policy_for_all_stands_for_the_others(region: Region) -> None:
    async with region.write() as tx:
        on = await network(tx, WHO)
        one = await share(tx, on, OTHER.project_id)
        every = await share(tx, on, "*", ADMIN)
        assert (await networks.get(tx, THIRD, on.id)).spec["shared"]
        await ports.create(tx, OTHER, {"network_id": on.id}, NOW)
        await rbac_policies.delete(tx, WHO, one.id)
        with pytest.raises(Conflict):
            await rbac_policies.delete(tx, ADMIN, every.id)
        await share(tx, on, OTHER.project_id)
        await rbac_policies.delete(tx, ADMIN, every.id)
        assert not (await networks.get(tx, OTHER, on.id)).spec["shared"]


async def test_shared_as_an_attribute_is_a_policy(region: Region) -> None:
    async with region.write() as tx:
        on = await network(tx, ADMIN, shared=True)
        (policy,) = await sharing.policies(tx, on.id)
        assert policy.spec["target_tenant"] == "*"
        await networks.update(tx, ADMIN, on.id, {"shared": False}, None, NOW)
        assert await sharing.policies(tx, on.id) == []
        await networks.update(tx, ADMIN, on.id, {"shared": True}, None, NOW)
        await networks.delete(tx, ADMIN, on.id, None, NOW)
        assert (await usages.limits(tx, ADMIN.project_id))["rbac_policy"][1] == 0


async def test_a_shared_security_group_is_used_and_not_changed(region: Region) -> None:
    async with region.write() as tx:
        on = await network(tx, OTHER)
        group = await security_groups.create(tx, WHO, {"name": "g", "stateful": True}, NOW)
        wanted = {"network_id": on.id, "security_groups": [group.id]}
        with pytest.raises(NotFound):
            await ports.create(tx, OTHER, wanted, NOW)
        policy = await share(tx, group, OTHER.project_id)
        port = await ports.create(tx, OTHER, wanted, NOW)
        rule = {"security_group_id": group.id, "direction": "ingress", "ethertype": "IPv4"}
        for refused in (
            security_groups.create_rules(tx, OTHER, [rule], NOW),
            security_groups.update(tx, OTHER, group.id, {"name": "x"}, None, NOW),
            security_groups.delete(tx, OTHER, group.id, None, NOW),
            security_groups.delete_rule(tx, OTHER, group.spec["security_group_rules"][0]["id"], NOW),
        ):
            with pytest.raises(Forbidden):
                await refused
        rules = {"project_id": OTHER.project_id}
        named = sharing.objects(tx.region_id, "security_group", OTHER.project_id)
        filters = (resources.Filter("parent_id", named, "among"),)
        assert len(await seen(tx, OTHER, Kind.SECURITY_GROUP_RULE, {**rules, "shared": filters})) >= 2
        with pytest.raises(Conflict):
            await rbac_policies.delete(tx, WHO, policy.id)
        await ports.delete(tx, OTHER, port.id, None, NOW)
        await rbac_policies.delete(tx, WHO, policy.id)
        with pytest.raises(NotFound):
            await security_groups.get(tx, OTHER, group.id)


async def test_only_the_owner_shares(region: Region) -> None:
    async with region.write() as tx:
        group = await address_groups.create(tx, WHO, {"name": "a", "addresses": []}, NOW)
        with pytest.raises(Invalid):
            await share(tx, group, THIRD.project_id, OTHER)
        on = await network(tx, WHO)
        with pytest.raises(Forbidden):
            await share(tx, on, OTHER.project_id, action="access_as_external")
        policy = await share(tx, group, OTHER.project_id)
        with pytest.raises(Conflict) as twice:
            await share(tx, group, OTHER.project_id)
        assert twice.value.kind == "DuplicateRbacPolicy"
        with pytest.raises(NotFound):
            await rbac_policies.delete(tx, OTHER, policy.id)
        with pytest.raises(Forbidden):
            await address_groups.add_addresses(tx, OTHER, group.id, ["10.0.0.0/8"], NOW)
