"""QoS policies: rows with their rules, and who uses them. A policy is in each zone that has one of its users.

Called by the API, by the policy recipe, and by what can have a policy: networks, ports, floating IPs and routers. Each
of these names it in `spec["qos_policy_id"]` and needs it (`realizations.need`), so that it comes with its first user in
a zone; `follow` and `leave` take it away after the last one. Rules are changed by `qos_rules`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, select

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Forbidden, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import leases, realizations, resources, sharing, usages
from vregion.region import standard_attributes as standard
from vregion.region.realizations import Key
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query
from vregion.region.tables import needs
from vregion.region.tables import resources as rows

POLICY_ID = "qos_policy_id"
NO_QOS = "QoS"
_COUNTED = "qos_policy"  # without a limit: whoever makes a default policy holds this row of the project's usage
_USERS = {Kind.PORT: "port", Kind.NETWORK: "network", Kind.FLOATING_IP: "fip", Kind.ROUTER: "router"}


def document(policy: Resource) -> dict[str, Any]:
    """What a show answers."""
    spec = policy.spec
    return {
        "id": policy.id,
        "name": policy.name,
        **standard.owned(policy),
        "shared": spec["shared"],
        "is_default": spec["is_default"],
        "rules": spec["rules"],
        **standard.tail(policy),
    }


async def get(tx: Transaction, caller: Caller, policy_id: str) -> Resource:
    """A policy that the caller sees. Raises NotFound."""
    policy = await resources.find(tx, Kind.QOS_POLICY, policy_id)
    if policy is None or not sharing.sees(caller, policy):
        raise NotFound(f"QoS policy {policy_id} could not be found.", reason="QosPolicyNotFound")
    return policy


def owns(caller: Caller, policy: Resource) -> bool:
    """Whether the caller may see its rules one by one, and change it."""
    return caller.is_admin or policy.project_id == caller.project_id


def require_owner(caller: Caller, policy: Resource) -> None:
    """What is shared is there to be used: to who would change it, or asks for its rules, Neutron denies it."""
    if not owns(caller, policy):
        raise NotFound("The resource could not be found.", reason="HTTPNotFound")


async def hold(tx: Transaction, *policy_ids: str | None) -> None:
    """Lock policies, in one order: who comes to use one in a zone and who leaves last go one after the other."""
    for policy_id in sorted({policy_id for policy_id in policy_ids if policy_id}):
        await resources.lock(tx, Kind.QOS_POLICY, policy_id)


async def create(tx: Transaction, caller: Caller, wanted: dict[str, Any], now: datetime) -> Resource:
    """A policy without rules, on no backend."""
    policy = standard.fresh(Kind.QOS_POLICY, caller, {**wanted, "rules": [], "revision_number": 0}, now)
    await usages.reserve(tx, policy.project_id, {_COUNTED: 1})
    if wanted["is_default"]:
        await _refuse_second_default(tx, policy)
    policy = await standard.insert(tx, policy, document)
    await sharing.open_to_all(tx, caller, policy, now, wanted=wanted["shared"])
    return policy


async def update(
    tx: Transaction, caller: Caller, policy_id: str, wanted: dict[str, Any], revision: int | None, now: datetime
) -> Resource:
    """Change name, description, sharing, or whether it is its project's default."""
    await hold(tx, policy_id)
    policy = await get(tx, caller, policy_id)
    require_owner(caller, policy)
    standard.check_revision(policy, revision)
    if wanted.get("is_default") and not policy.spec["is_default"]:
        await usages.reserve(tx, policy.project_id, {_COUNTED: 1})
        await _refuse_second_default(tx, policy)
        await usages.release(tx, policy.project_id, {_COUNTED: 1})
    if wanted.get("shared", policy.spec["shared"]) != policy.spec["shared"]:
        if policy.spec["shared"]:
            await _refuse_foreign_users(tx, policy)
        await sharing.open_to_all(tx, caller, policy, now, wanted=wanted["shared"])
    columns = {"name": wanted.pop("name")} if "name" in wanted else {}
    if not wanted and not columns:
        return policy
    return await standard.revise(tx, policy, document, now, spec=wanted, **columns)


async def delete(tx: Transaction, caller: Caller, policy_id: str, revision: int | None, now: datetime) -> None:
    """End a policy that nothing uses."""
    await hold(tx, policy_id)
    policy = await get(tx, caller, policy_id)
    standard.check_owner(policy, caller, "delete_policy")
    standard.check_revision(policy, revision)
    used = {kind: user_id for kind, user_id, _ in await users(tx, policy_id)}
    for kind, word in _USERS.items():
        if kind in used:
            message = f"QoS Policy {policy_id} is used by {word} {used[kind]}."
            raise Conflict(message, reason="QosPolicyInUse")
    await sharing.forget(tx, policy_id)
    await usages.release(tx, policy.project_id, {_COUNTED: 1})
    await standard.end(tx, policy, now, vanished)


async def users(tx: Transaction, policy_id: str) -> list[tuple[Kind, str, str]]:
    """Kind, id and project of what has the policy, that of its network aside."""
    user = and_(rows.c.region_id == needs.c.region_id, rows.c.kind == needs.c.kind, rows.c.id == needs.c.resource_id)
    found = await tx.execute(
        select(rows.c.kind, rows.c.id, rows.c.project_id)
        .join(needs, user)
        .where(
            needs.c.region_id == tx.region_id,
            needs.c.needed_id == policy_id,
            needs.c.needed_kind == Kind.QOS_POLICY,
            rows.c.deleting.is_(False),
        )
    )
    return [(Kind(row.kind), row.id, row.project_id) for row in found]


async def choose(tx: Transaction, caller: Caller, wanted: str | None, before: str | None = None) -> None:
    """Whether a caller may put the wanted policy in the place of another one (neutron `core_extensions/qos.py`)."""
    old = await resources.find(tx, Kind.QOS_POLICY, before) if before else None
    if old is not None and not sharing.sees(caller, old):
        message = f"Failed to remove provided policy {before} because you are not authorized."
        raise Forbidden(message, reason="PolicyRemoveAuthorizationError")
    if wanted:
        await hold(tx, wanted)
        await get(tx, caller, wanted)


async def for_network(tx: Transaction, caller: Caller, project_id: str, wanted: str | None) -> str | None:
    """What a new network gets: the one that it names, else its project's default."""
    await choose(tx, caller, wanted)
    default = None if wanted else await _default(tx, project_id)
    await hold(tx, default)
    return wanted or default


def needed(resource: Resource) -> list[Key]:
    """What must be on a backend before the resource, for its policy's sake."""
    policy_id = resource.spec.get(POLICY_ID)
    return [(Kind.QOS_POLICY, policy_id)] if policy_id else []


async def enter(tx: Transaction, user: Resource, backend_id: str, now: datetime) -> None:
    """Its user shall be on that backend: so shall the policy."""
    if policy_id := user.spec.get(POLICY_ID):
        await hold(tx, policy_id)
        await realizations.want(tx, Kind.QOS_POLICY, policy_id, backend_id, now)


async def follow(tx: Transaction, user: Resource, before: str | None, now: datetime) -> None:
    """The user has another policy now, and its needs say so: where it is, that one comes and the old one goes."""
    policy_id = user.spec.get(POLICY_ID)
    if policy_id == before:
        return
    await hold(tx, policy_id, before)
    for realization in await realizations.of_resource(tx, user.kind, user.id):
        if realization.wanted:
            await enter(tx, user, realization.backend_id, now)
        await leave(tx, before, realization.backend_id, now)


async def leave(tx: Transaction, policy_id: str | None, backend_id: str, now: datetime) -> None:
    """A user of the policy is gone from a backend, or uses it no longer there: with the last one the policy goes."""
    if policy_id:
        await hold(tx, policy_id)
        await leases.retire(tx, (Kind.QOS_POLICY, policy_id), backend_id, None, now)


async def require(tx: Transaction, port: Resource, binding: Binding) -> None:
    """The port's policy, its own or its network's, can be carried out in that zone. Raises Conflict.

    A zone that was not asked yet what it can do is not refused: it says so itself.
    """
    policy_id = port.spec.get(POLICY_ID) or port.spec.get("qos_network_policy_id")
    if not policy_id or binding.qos_rule_types is None:
        return
    lacks, zone = lacking(await resources.get(tx, Kind.QOS_POLICY, policy_id), binding), binding.availability_zone
    if lacks == NO_QOS:
        message = f"Port {port.id} has QoS policy {policy_id}, and availability zone {zone} has no QoS."
        raise Conflict(message, reason="QosNotInAvailabilityZone")
    if lacks:
        message = f"Rule {lacks} is not supported by port {port.id} in availability zone {zone}"
        raise Conflict(message, reason="QosRuleNotSupported")


def lacking(policy: Resource, binding: Binding) -> str:
    """The first type of its rules that the zone cannot carry out, or NO_QOS; empty: none, or it was not asked yet."""
    if binding.qos_rule_types is None:
        return ""
    if not binding.qos_rule_types:
        return NO_QOS
    return next((rule["type"] for rule in policy.spec["rules"] if rule["type"] not in binding.qos_rule_types), "")


async def show_on_ports(tx: Transaction, network: Resource, render: standard.Render) -> None:
    """Every port of a network shows the network's policy."""
    on_network = Query(Kind.PORT, filters=(Filter("spec.network_id", network.id), Filter("deleting", False)))
    for port in await resources.list_resources(tx, on_network):
        await standard.note(tx, port, render, spec={"qos_network_policy_id": network.spec[POLICY_ID]})


async def _default(tx: Transaction, project_id: str) -> str | None:
    mine = (Filter("deleting", False), Filter("spec.is_default", True))
    found = await resources.list_resources(tx, Query(Kind.QOS_POLICY, project_id, mine, limit=1))
    return found[0].id if found else None


async def _refuse_second_default(tx: Transaction, policy: Resource) -> None:
    if await _default(tx, policy.project_id):
        message = f"A default QoS policy exists for project {policy.project_id}."
        raise Conflict(message, reason="QoSPolicyDefaultAlreadyExists")


async def _refuse_foreign_users(tx: Transaction, policy: Resource) -> None:
    """Neutron counts the owner among those who must not use it (29.0.0 `objects/rbac_db.py` update_shared)."""
    if await users(tx, policy.id):
        message = f"RBAC policy on object {policy.id} cannot be removed because other objects depend on it."
        raise Conflict(f"{message}\nDetails: project_id=*", reason="RbacPolicyInUse")


async def settled(tx: Transaction, policy: Resource, observed: Observed) -> None:
    """Neutron's policies have no status: nothing of the backend's is shown."""


async def stopped(tx: Transaction, policy: Resource, reason: str) -> None:
    """A backend refused it: what needs it there says so."""


async def lost(tx: Transaction, policy: Resource) -> None:
    """It is made again (`reconcile.qos_policies`): it holds nothing of the tenant's."""


async def vanished(tx: Transaction, policy: Resource) -> None:
    """Its count was given back when the tenant deleted it."""
