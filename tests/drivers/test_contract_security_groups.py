"""A security group's rules are made equal to what is wanted, in whatever form the backend keeps them."""

from typing import Any

import pytest

from tests.drivers.bench import Bench
from vregion.drivers.contract import Driver, Transient
from vregion.model.resource import Kind

pytestmark = pytest.mark.asyncio(loop_scope="module")

EGRESS = {"direction": "egress", "ethertype": "IPv4"}
SSH = {
    "direction": "ingress",
    "ethertype": "IPv4",
    "protocol": "tcp",
    "port_range_min": 22,
    "port_range_max": 22,
    "remote_ip_prefix": "192.0.2.7",
}
PING = {"direction": "ingress", "ethertype": "IPv4", "protocol": "icmp"}
PING6 = {"direction": "ingress", "ethertype": "IPv6", "protocol": "icmpv6"}
ANY = {"direction": "ingress", "ethertype": "IPv6", "protocol": "udp", "remote_ip_prefix": "::/0"}


def plain(rules: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    """Enough of a rule to tell the suite's apart."""
    return sorted((rule["direction"], rule["ethertype"], rule.get("protocol") or "") for rule in rules)


async def test_rules_become_what_is_wanted(bench: Bench, driver: Driver) -> None:
    """Added, kept with their ids when wanted again, removed when not; the backend's own egress rules among them."""
    groups = driver.collections[Kind.SECURITY_GROUP]
    group = await bench.make(Kind.SECURITY_GROUP, {"name": "suite"})
    first = await groups.update(
        group.external_id, {"name": "suite", "security_group_rules": [EGRESS, SSH, PING, PING6]}
    )
    rules = first.document["security_group_rules"]
    assert len(rules) == 4
    (ssh,) = [rule for rule in rules if rule["protocol"] == "tcp"]
    assert (ssh["port_range_min"], ssh["port_range_max"]) == (22, 22)
    again = await groups.update(
        group.external_id, {"name": "suite", "security_group_rules": [EGRESS, SSH, PING, PING6]}
    )
    assert {rule["id"] for rule in again.document["security_group_rules"]} == {rule["id"] for rule in rules}
    fewer = await groups.update(group.external_id, {"name": "suite", "security_group_rules": [SSH, ANY]})
    assert plain(fewer.document["security_group_rules"]) == plain([SSH, ANY])
    assert ssh["id"] in {rule["id"] for rule in fewer.document["security_group_rules"]}
    none = await groups.update(group.external_id, {"name": "suite", "security_group_rules": []})
    assert none.document["security_group_rules"] == []


async def test_members_elsewhere_are_let_in_by_address(bench: Bench, driver: Driver) -> None:
    """They come and go; the rule that names the group stays."""
    groups = driver.collections[Kind.SECURITY_GROUP]
    group = await bench.make(Kind.SECURITY_GROUP, {"name": "suite"})
    own = group.external_id
    named = {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "remote_group_id": own}
    body: dict[str, Any] = {"name": "suite", "security_group_rules": [EGRESS, named]}
    first = await groups.update(own, body | {"remote_members": {own: ["10.1.0.5/32", "fd00::5/128"]}})
    rules = first.document["security_group_rules"]
    assert plain(rules) == plain([EGRESS, named, named])
    (by_group,) = [rule["id"] for rule in rules if rule["remote_group_id"]]
    (by_address,) = [rule for rule in rules if not rule["remote_group_id"] and rule["direction"] == "ingress"]
    assert by_address["remote_address_group_id"]
    for members in (["10.1.0.5/32", "10.1.0.6/32"], ["10.1.0.6/32"]):
        again = await groups.update(own, body | {"remote_members": {own: members}})
        kept = {rule["id"] for rule in again.document["security_group_rules"]}
        assert {by_group, by_address["id"]} <= kept
    none = await groups.update(own, body | {"remote_members": {own: []}})
    assert [rule["id"] for rule in none.document["security_group_rules"] if rule["direction"] == "ingress"] == [
        by_group
    ]
    await groups.update(own, body | {"remote_members": {own: ["10.1.0.7/32"]}})
    await groups.delete(own)
    await groups.delete(own)


async def test_an_address_group_that_is_named(bench: Bench, driver: Driver) -> None:
    """It is let in by its name, and stays as long as a rule has it."""
    named = await bench.make(Kind.ADDRESS_GROUP, {"name": "suite", "addresses": ["10.1.0.0/16"]})
    group = await bench.make(Kind.SECURITY_GROUP, {"name": "suite"})
    rule = {"direction": "ingress", "ethertype": "IPv4", "remote_address_group_id": named.external_id}
    body = {"name": "suite", "address_groups": {named.external_id: ["10.1.0.0/16"]}}
    groups = driver.collections[Kind.SECURITY_GROUP]
    for _ in range(2):
        seen = await groups.update(group.external_id, {**body, "security_group_rules": [rule]})
        found = [one["remote_address_group_id"] for one in seen.document["security_group_rules"]]
        assert found == [named.external_id]
    with pytest.raises(Transient):
        await driver.collections[Kind.ADDRESS_GROUP].delete(named.external_id)
    await groups.update(group.external_id, {"name": "suite", "security_group_rules": []})
    await driver.collections[Kind.ADDRESS_GROUP].delete(named.external_id)


async def test_a_remote_group(bench: Bench, driver: Driver) -> None:
    """A rule that names another group, and one that names its own."""
    group = await bench.make(Kind.SECURITY_GROUP, {"name": "suite"})
    other = await bench.make(Kind.SECURITY_GROUP, {"name": "suite"})
    wanted = [
        {"direction": "ingress", "ethertype": "IPv4", "remote_group_id": one.external_id} for one in (group, other)
    ]
    body = {"name": "suite", "security_group_rules": wanted}
    for _ in range(2):
        seen = await driver.collections[Kind.SECURITY_GROUP].update(group.external_id, body)
        remotes = {rule["remote_group_id"] for rule in seen.document["security_group_rules"]}
        assert remotes == {group.external_id, other.external_id}
