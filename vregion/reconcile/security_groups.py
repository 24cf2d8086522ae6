"""Security groups on backends: the group first, then its rules, which may name other groups and the group itself."""

from dataclasses import replace
from typing import Any

from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.reconcile.work import Work
from vregion.region import address_groups, security_groups

# Neutron keeps the name 'default' to itself.
_DEFAULT = "vregion-default"
_ELSEWHERE = "remote_members"
_NAMED = "address_groups"
_RULE = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix")


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Neutron's create body, without rules."""
    name = _DEFAULT if resource.spec["default"] else resource.name
    return {"name": name, "stateful": resource.spec["stateful"]}


def update(resource: Resource, references: References) -> dict[str, Any]:
    """The group with all of its rules."""
    wanted = [_rule(rule, references) for rule in resource.spec["security_group_rules"]]
    elsewhere = {references[Kind.SECURITY_GROUP, i]: ips for i, ips in resource.spec.get(_ELSEWHERE, {}).items()}
    named = {references[Kind.ADDRESS_GROUP, i]: ips for i, ips in resource.spec.get(_NAMED, {}).items()}
    return {
        **body(resource, references),
        "security_group_rules": wanted,
        **({_ELSEWHERE: elsewhere} if elsewhere else {}),
        **({_NAMED: named} if named else {}),
    }


async def here(work: Work, group: Resource) -> Resource:
    """With the members that its remote groups have in other zones: here they are known by address only.

    And with what is in the address groups that its rules name, for a zone that has no address groups.
    """
    async with work.region.read() as tx:
        elsewhere = await security_groups.members_elsewhere(tx, group, work.realization.backend_id)
        named = await address_groups.in_rules(tx, group.spec["security_group_rules"])
    return replace(group, spec={**group.spec, _ELSEWHERE: elsewhere, _NAMED: named})


def _rule(rule: dict[str, Any], references: References) -> dict[str, Any]:
    remote = rule["remote_group_id"]
    group = {"remote_group_id": references[Kind.SECURITY_GROUP, remote]} if remote else {}
    named = rule.get("remote_address_group_id")
    addresses = {"remote_address_group_id": references[Kind.ADDRESS_GROUP, named]} if named else {}
    return {**{name: rule[name] for name in _RULE}, **group, **addresses}


RECIPE = Recipe(
    kind=Kind.SECURITY_GROUP,
    body=body,
    update=update,
    here=here,
    settled=security_groups.settled,
    stopped=security_groups.stopped,
    lost=security_groups.lost,
    vanished=security_groups.vanished,
    completes=True,
    recreate=True,
    wishes=True,
    outlasts=True,
)
