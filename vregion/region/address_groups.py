"""Address groups: prefixes under one name that rules of security groups can mean.

Called by the API, by security groups, and by the address group recipe: one is in a zone as soon as a security group
there has a rule that names it, and stays until the tenant deletes it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import realizations, resources, sharing
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query


def document(group: Resource) -> dict[str, Any]:
    """What a show answers: no tags, and not whether it is shared."""
    tail = {key: value for key, value in standard.tail(group).items() if key != "tags"}
    return {"id": group.id, "name": group.name, **standard.owned(group), "addresses": group.spec["addresses"], **tail}


async def get(tx: Transaction, caller: Caller, group_id: str) -> Resource:
    """A group that the caller sees. Raises NotFound."""
    group = await resources.find(tx, Kind.ADDRESS_GROUP, group_id)
    if group is None or not sharing.sees(caller, group):
        raise NotFound(f"Address group {group_id} could not be found.", reason="AddressGroupNotFound")
    return group


async def create(tx: Transaction, caller: Caller, wanted: dict[str, Any], now: datetime) -> Resource:
    """A new group."""
    spec = {**wanted, "addresses": sorted(wanted["addresses"])}
    return await standard.insert(tx, standard.fresh(Kind.ADDRESS_GROUP, caller, spec, now), document)


async def update(
    tx: Transaction, caller: Caller, group_id: str, wanted: dict[str, Any], revision: int | None, now: datetime
) -> Resource:
    """Change name or description."""
    group = await _locked(tx, caller, group_id, "update_address_group")
    standard.check_revision(group, revision)
    columns = {"name": wanted.pop("name")} if "name" in wanted else {}
    return await standard.revise(tx, group, document, now, spec=wanted, **columns) if wanted or columns else group


async def add_addresses(
    tx: Transaction, caller: Caller, group_id: str, given: Sequence[str], now: datetime
) -> Resource:
    """More addresses, none of which is there."""
    group = await _locked_with_users(tx, caller, group_id, "add_addresses")
    there = group.spec["addresses"]
    if twice := [one for one in given if one in there]:
        message = f"Addresses {twice} already exist in the address group {group_id}."
        raise Invalid(message, reason="AddressesAlreadyExist")
    return await _set(tx, group, [*there, *given], now)


async def remove_addresses(
    tx: Transaction, caller: Caller, group_id: str, given: Sequence[str], now: datetime
) -> Resource:
    """Fewer addresses, all of which are there."""
    group = await _locked_with_users(tx, caller, group_id, "remove_addresses")
    there = group.spec["addresses"]
    if absent := [one for one in given if one not in there]:
        message = f"Addresses {absent} not found in the address group {group_id}."
        raise NotFound(message, reason="AddressesNotFound")
    return await _set(tx, group, [one for one in there if one not in given], now)


async def delete(tx: Transaction, caller: Caller, group_id: str, revision: int | None, now: datetime) -> None:
    """End a group that no rule names."""
    group = await _locked(tx, caller, group_id, "delete_address_group")
    standard.check_revision(group, revision)
    if await _naming(tx, group_id):
        message = f"Address group {group_id} is in use on one or more security group rules."
        raise Conflict(message, reason="AddressGroupInUse")
    await sharing.forget(tx, group_id)
    await standard.end(tx, group, now, vanished)


async def in_rules(tx: Transaction, rules: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """What is in the groups that these rules name: id -> prefixes."""
    named = {rule["remote_address_group_id"] for rule in rules if rule.get("remote_address_group_id")}
    found = await resources.find_many(tx, Kind.ADDRESS_GROUP, named)
    return {group_id: group.spec["addresses"] for group_id, group in found.items()}


async def _set(tx: Transaction, group: Resource, addresses: Sequence[str], now: datetime) -> Resource:
    """Where a zone knows prefixes only, the rules that name the group change with it."""
    if list(addresses) == group.spec["addresses"]:
        return group
    for user_id in await _naming(tx, group.id):
        user = await resources.get(tx, Kind.SECURITY_GROUP, user_id)
        await resources.advance(tx, user)
        await realizations.changed(tx, Kind.SECURITY_GROUP, user_id, now)
    return await standard.revise(tx, group, document, now, spec={"addresses": sorted(addresses)})


async def _naming(tx: Transaction, group_id: str) -> list[str]:
    """The security groups with a rule that names it."""
    query = Query(Kind.SECURITY_GROUP_RULE, filters=[Filter("spec.remote_address_group_id", group_id)])
    return sorted({str(row[0]) for row in await resources.list_fields(tx, query, "parent_id")})


async def _locked_with_users(tx: Transaction, caller: Caller, group_id: str, rule: str) -> Resource:
    """Locked in the order of a new rule: the security group, then what it names."""
    for user_id in await _naming(tx, group_id):
        await resources.lock(tx, Kind.SECURITY_GROUP, user_id)
    return await _locked(tx, caller, group_id, rule)


async def _locked(tx: Transaction, caller: Caller, group_id: str, rule: str) -> Resource:
    await resources.lock(tx, Kind.ADDRESS_GROUP, group_id)
    group = await get(tx, caller, group_id)
    standard.check_owner(group, caller, rule)
    return group


async def settled(tx: Transaction, group: Resource, observed: Observed) -> None:
    """Neutron's groups have no status: nothing of the backend's is shown."""


async def stopped(tx: Transaction, group: Resource, reason: str) -> None:
    """A backend refused it: the ports that need it say so."""


async def lost(tx: Transaction, group: Resource) -> None:
    """It is made again (`reconcile.address_groups`): it holds nothing of the tenant's."""


async def vanished(tx: Transaction, group: Resource) -> None:
    """There is no quota of it."""
