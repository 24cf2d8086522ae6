"""Security groups and the rows of their rules. A group carries its whole list of rules, ready for a backend.

Called by the API, by ports (the groups of a port) and by compute (names to groups). A rule that names another group
makes that group needed wherever this one is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

from sqlalchemy import and_, select

from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import address_groups, realizations, resources, sharing, usages
from vregion.region import security_group_rules as rules
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query
from vregion.region.security_group_rules import Rule
from vregion.region.tables import needs
from vregion.region.tables import resources as rows

DEFAULT = "default"
_PAIRS = "allowed_address_pairs"


def document(group: Resource) -> dict[str, Any]:
    """What a show answers."""
    return {
        "id": group.id,
        "name": group.name,
        "stateful": group.spec["stateful"],
        **standard.owned(group),
        "shared": group.spec["shared"],
        "security_group_rules": group.spec["security_group_rules"],
        **standard.tail(group),
    }


async def get(tx: Transaction, caller: Caller, group_id: str) -> Resource:
    """A group that the caller sees. Raises NotFound."""
    return await of_project(tx, None if caller.is_admin else caller.project_id, group_id)


async def of_project(tx: Transaction, project_id: str | None, group_id: str) -> Resource:
    """A group by id, of a project or shared with it. Raises NotFound."""
    group = await resources.find(tx, Kind.SECURITY_GROUP, group_id)
    hidden = (
        group is not None and project_id not in (None, group.project_id) and not sharing.shared(group, str(project_id))
    )
    if group is None or group.deleting or hidden:
        raise NotFound(f"Security group {group_id} does not exist", reason="SecurityGroupNotFound")
    return group


async def default_group(tx: Transaction, caller_or_project: Caller | str, now: datetime) -> Resource:
    """The group that every project has, made when somebody first asks for it."""
    caller = caller_or_project
    if isinstance(caller, str):
        caller = Caller("", caller, "", tx.region_id, frozenset(), "")
    found = await find_default(tx, caller.project_id)
    if found is None:
        # The quota's row is locked by this; whoever made the group meanwhile has committed it.
        await standard.reserve(tx, caller.project_id, "security_group")
        found = await find_default(tx, caller.project_id)
        if found is not None:
            await usages.release(tx, caller.project_id, {"security_group": 1})
            return found
        wanted = {"name": DEFAULT, "description": "Default security group", "stateful": True, "default": True}
        found = await _make(tx, caller, wanted, now)
    return found


async def create(tx: Transaction, caller: Caller, wanted: dict[str, Any], now: datetime) -> Resource:
    """A new group with the two egress rules that Neutron gives it."""
    await default_group(tx, caller, now)
    await standard.reserve(tx, caller.project_id, "security_group")
    return await _make(tx, caller, {**wanted, "default": False}, now)


async def update(
    tx: Transaction, caller: Caller, group_id: str, wanted: dict[str, Any], revision: int | None, now: datetime
) -> Resource:
    """Change name, description or statefulness."""
    await resources.lock(tx, Kind.SECURITY_GROUP, group_id)
    group = await get(tx, caller, group_id)
    standard.check_owner(group, caller, "update_security_group")
    standard.check_revision(group, revision)
    if wanted.get("stateful", group.spec["stateful"]) != group.spec["stateful"] and await _in_use(tx, group_id):
        raise Conflict(f"Security Group {group_id} in use.", reason="SecurityGroupInUse")
    if group.spec["default"] and "name" in wanted:
        message = "Updating default security group not allowed."
        raise Conflict(message, reason="SecurityGroupCannotUpdateDefault")
    columns = {"name": wanted.pop("name")} if "name" in wanted else {}
    if not wanted and not columns:
        return group
    return await standard.revise(tx, group, document, now, spec=wanted, **columns)


async def delete(tx: Transaction, caller: Caller, group_id: str, revision: int | None, now: datetime) -> None:
    """End a group that no port has; rules of other groups that name it end with it, as in Neutron."""
    await resources.lock(tx, Kind.SECURITY_GROUP, group_id)
    group = await get(tx, caller, group_id)
    standard.check_owner(group, caller, "delete_security_group")
    standard.check_revision(group, revision)
    if await _in_use(tx, group_id):
        raise Conflict(f"Security Group {group_id} in use.", reason="SecurityGroupInUse")
    if group.spec["default"] and not caller.is_admin:
        message = "Insufficient rights for removing default security group."
        raise Conflict(message, reason="SecurityGroupCannotRemoveDefault")
    for other in await _naming(tx, group_id):
        gone = [rule["id"] for rule in other.spec["security_group_rules"] if rule["remote_group_id"] == group_id]
        await _drop_rules(tx, other, gone, now)
    await sharing.forget(tx, group_id)
    own = [rule["id"] for rule in group.spec["security_group_rules"]]
    for rule_id in own:
        await resources.remove(tx, Kind.SECURITY_GROUP_RULE, rule_id)
    await usages.release(tx, group.project_id, {"security_group": 1, "security_group_rule": len(own)})
    await standard.end(tx, group, now, vanished)


async def create_rules(tx: Transaction, caller: Caller, wanted: Sequence[Rule], now: datetime) -> list[Resource]:
    """New rules, all of one group."""
    group_ids = {rule["security_group_id"] for rule in wanted}
    if len(group_ids) > 1:
        message = "Only allowed to update rules for one security profile at a time"
        raise Invalid(message, reason="SecurityGroupNotSingleGroupRules")
    (group_id,) = group_ids
    await resources.lock(tx, Kind.SECURITY_GROUP, group_id)
    group = await get(tx, caller, group_id)
    standard.check_owner(group, caller, "create_security_group_rule")
    good = [rules.checked(rules.full(rule)) for rule in wanted]
    for rule in good:
        # Neutron validates neither: what is no text is told as nobody's, or it fails (29.0.0 db/securitygroups_db.py).
        if (remote := rule["remote_group_id"]) is not None:
            await get(tx, caller, str(remote))
        if (addresses := rule["remote_address_group_id"]) is not None:
            await resources.lock(tx, Kind.ADDRESS_GROUP, str(addresses))
            await address_groups.get(tx, caller, str(addresses))
    rules.check_new(good, await _rules_of(tx, group_id))
    made = await _insert_rules(tx, group, good, now)
    await _follow(tx, group, now)
    return made


async def get_rule(tx: Transaction, caller: Caller, rule_id: str) -> Resource:
    """A rule of a group that the caller sees. Raises NotFound."""
    rule = await resources.find(tx, Kind.SECURITY_GROUP_RULE, rule_id)
    group = await resources.find(tx, Kind.SECURITY_GROUP, str(rule.parent_id)) if rule else None
    if rule is None or group is None or not sharing.sees(caller, group):
        raise NotFound(f"Security group rule {rule_id} does not exist", reason="SecurityGroupRuleNotFound")
    return rule


async def delete_rule(tx: Transaction, caller: Caller, rule_id: str, now: datetime) -> None:
    """End one rule."""
    rule = await get_rule(tx, caller, rule_id)
    group_id = str(rule.parent_id)
    await resources.lock(tx, Kind.SECURITY_GROUP, group_id)
    group = await get(tx, caller, group_id)
    standard.check_owner(group, caller, "delete_security_group_rule")
    await _drop_rules(tx, group, [rule_id], now)


async def resolve(tx: Transaction, project_id: str, names_or_ids: Sequence[str]) -> list[Resource]:
    """A project's groups as Nova finds them: by id, else by name. Raises Invalid or Conflict in Nova's words."""
    found: dict[str, Resource] = {}
    for wanted in dict.fromkeys(names_or_ids):
        group = await resources.find(tx, Kind.SECURITY_GROUP, wanted, project_id)
        if group is None and wanted == DEFAULT:
            group = await default_group(tx, project_id, datetime.now(UTC))
        if group is None or group.deleting:
            group = await _named(tx, project_id, wanted)
        found[group.id] = group
    return list(found.values())


async def _named(tx: Transaction, project_id: str, name: str) -> Resource:
    filters = (Filter("deleting", False), Filter("name", name))
    groups = await resources.list_resources(tx, Query(Kind.SECURITY_GROUP, project_id, filters, limit=2))
    if not groups:
        raise Invalid(f"Unable to find security_group with name or id '{name}'", reason="SecurityGroupNotFound")
    if len(groups) > 1:
        message = f"Multiple security groups found matching '{name}'. Use an ID to be more specific."
        raise Conflict(message, reason="NoUniqueMatch")
    return groups[0]


async def find_default(tx: Transaction, project_id: str) -> Resource | None:
    """The project's default group, if it has been made."""
    filters = (Filter("deleting", False), Filter("name", DEFAULT))
    found = await resources.list_resources(tx, Query(Kind.SECURITY_GROUP, project_id, filters, limit=1))
    return found[0] if found else None


async def _make(tx: Transaction, caller: Caller, wanted: dict[str, Any], now: datetime) -> Resource:
    group = standard.fresh(Kind.SECURITY_GROUP, caller, {**wanted, "shared": False, "security_group_rules": []}, now)
    group = await standard.insert(tx, group, document)
    first = [rules.full(rule) for rule in rules.EGRESS]
    if group.spec["default"]:
        first += [rules.full({**rule, "direction": "ingress", "remote_group_id": group.id}) for rule in rules.EGRESS]
    made = await _insert_rules(tx, group, first, now)
    return await standard.note(tx, group, document, spec={"security_group_rules": [rules.document(r) for r in made]})


async def _insert_rules(tx: Transaction, group: Resource, wanted: Sequence[Rule], now: datetime) -> list[Resource]:
    owner = Caller(group.user_id, group.project_id, "", tx.region_id, frozenset(), "")
    made = []
    for rule in wanted:
        spec = {key: value for key, value in rule.items() if key not in ("security_group_id", "project_id")}
        spec |= {"belongs_to_default_sg": group.spec["default"], "revision_number": 0, "tags": []}
        row = standard.fresh(Kind.SECURITY_GROUP_RULE, owner, spec, now, parent_id=group.id)
        made.append(replace(row, document=resources.dump(rules.document(row))))
    await standard.reserve(tx, group.project_id, "security_group_rule", len(made))
    await resources.insert_resources(tx, made)
    return made


async def _drop_rules(tx: Transaction, group: Resource, rule_ids: Sequence[str], now: datetime) -> None:
    for rule_id in rule_ids:
        await resources.remove(tx, Kind.SECURITY_GROUP_RULE, rule_id)
    await usages.release(tx, group.project_id, {"security_group_rule": len(rule_ids)})
    await _follow(tx, group, now)


async def _follow(tx: Transaction, group: Resource, now: datetime) -> None:
    """The group's list, what it needs, and the backends that have it follow its rules' rows."""
    listed = [rules.document(rule) for rule in await _rules_of(tx, group.id)]
    await realizations.forget_needs(tx, Kind.SECURITY_GROUP, group.id)
    remote = {rule["remote_group_id"] for rule in listed} - {None, group.id}
    addresses = {str(rule["remote_address_group_id"]) for rule in listed if rule["remote_address_group_id"]}
    named = [(Kind.SECURITY_GROUP, i) for i in sorted(remote)] + [(Kind.ADDRESS_GROUP, i) for i in sorted(addresses)]
    await realizations.need(tx, group, named)
    for realization in await realizations.of_resource(tx, Kind.SECURITY_GROUP, group.id):
        if realization.wanted:
            await realizations.want(tx, Kind.SECURITY_GROUP, group.id, realization.backend_id, now)
    await standard.revise(tx, group, document, now, spec={"security_group_rules": listed})


async def _rules_of(tx: Transaction, group_id: str) -> list[Resource]:
    return await resources.children(tx, Kind.SECURITY_GROUP_RULE, group_id)


async def _naming(tx: Transaction, group_id: str) -> list[Resource]:
    """Other groups with a rule that names this one."""
    found = await tx.execute(
        select(needs.c.resource_id).where(
            needs.c.region_id == tx.region_id,
            needs.c.needed_id == group_id,
            needs.c.needed_kind == Kind.SECURITY_GROUP,
            needs.c.kind == Kind.SECURITY_GROUP,
        )
    )
    groups = await resources.find_many(tx, Kind.SECURITY_GROUP, [row.resource_id for row in found])
    return [group for group in groups.values() if not group.deleting]


async def _in_use(tx: Transaction, group_id: str) -> bool:
    """Whether a port has the group."""
    port = and_(rows.c.region_id == needs.c.region_id, rows.c.kind == needs.c.kind, rows.c.id == needs.c.resource_id)
    found = await tx.execute(
        select(rows.c.id)
        .join(needs, port)
        .where(
            needs.c.region_id == tx.region_id,
            needs.c.needed_id == group_id,
            needs.c.needed_kind == Kind.SECURITY_GROUP,
            needs.c.kind == Kind.PORT,
            rows.c.deleting.is_(False),
        )
        .limit(1)
    )
    return found.first() is not None


async def members_elsewhere(tx: Transaction, group: Resource, backend_id: str) -> dict[str, list[str]]:
    """Addresses that the members of the groups in its rules have on other backends: remote group -> CIDRs.

    A group that is on one backend alone, as is all that it names, has nothing to be told: the answer is empty then.
    """
    remote = {str(rule["remote_group_id"]) for rule in group.spec["security_group_rules"]} - {"None"}
    found: dict[str, set[str]] = {group_id: set() for group_id in sorted(remote)}
    if not found:
        return {}
    port = and_(rows.c.region_id == needs.c.region_id, rows.c.kind == needs.c.kind, rows.c.id == needs.c.resource_id)
    members = await tx.execute(
        select(needs.c.needed_id, rows.c.spec["fixed_ips"].label("ips"), rows.c.spec[_PAIRS].label("pairs"))
        .join(needs, port)
        .where(
            needs.c.region_id == tx.region_id,
            needs.c.needed_id.in_(found),
            needs.c.needed_kind == Kind.SECURITY_GROUP,
            needs.c.kind == Kind.PORT,
            rows.c.deleting.is_(False),
            rows.c.backend_id != backend_id,
        )
    )
    for row in members:
        own = [ip["ip_address"] for ip in (*row.ips, *row.pairs)]  # Neutron counts a member's address pairs, too
        found[row.needed_id] |= {str(ip_network(address, strict=False)) for address in own}
    others = await realizations.of_resource(tx, Kind.SECURITY_GROUP, group.id)
    if not any(found.values()) and len(others) < 2:
        return {}
    return {group_id: sorted(addresses) for group_id, addresses in found.items()}


async def members_changed(tx: Transaction, port: Resource, group_ids: Iterable[str], now: datetime) -> None:
    """A port came to these groups, left them or changed its addresses: other backends' rules that name them follow."""
    changed = sorted(set(group_ids))
    if port.backend_id is None or not changed:
        return
    naming = await tx.execute(
        select(needs.c.resource_id).where(
            needs.c.region_id == tx.region_id,
            needs.c.needed_id.in_(changed),
            needs.c.needed_kind == Kind.SECURITY_GROUP,
            needs.c.kind == Kind.SECURITY_GROUP,
        )
    )
    affected = {*changed, *(row.resource_id for row in naming)}
    elsewhere = await realizations.beyond(tx, Kind.SECURITY_GROUP, affected, port.backend_id)
    for group_id in sorted(elsewhere):
        group = await resources.find(tx, Kind.SECURITY_GROUP, group_id)
        rules_of = group.spec["security_group_rules"] if group is not None else ()
        if group is not None and any(rule["remote_group_id"] in changed for rule in rules_of):
            await resources.advance(tx, group)
            await realizations.changed(tx, Kind.SECURITY_GROUP, group_id, now)


async def settled(tx: Transaction, group: Resource, observed: Observed) -> None:
    """Neutron's groups have no status: nothing of the backend's is shown."""


async def stopped(tx: Transaction, group: Resource, reason: str) -> None:
    """A backend refused it: the ports that need it say so."""


async def lost(tx: Transaction, group: Resource) -> None:
    """It is made again (`reconcile.security_groups`): it holds nothing of the tenant's."""


async def vanished(tx: Transaction, group: Resource) -> None:
    """Its quota was given back when the tenant deleted it."""
