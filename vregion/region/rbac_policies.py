"""RBAC policies: a project lets others of the tenant see and use what is its own. Called by the API.

Networks, subnet pools, address scopes, security groups, address groups and QoS policies. What a policy says is kept in
its object (`sharing.terms`); who uses the object holds the policy.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Forbidden, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import (
    address_groups,
    address_scopes,
    networks,
    qos_policies,
    resources,
    security_groups,
    sharing,
    subnet_pools,
)
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query
from vregion.region.sharing import EVERYBODY

EXTERNAL = "access_as_external"
RENDER: dict[Kind, standard.Render] = {
    Kind.ADDRESS_GROUP: address_groups.document,
    Kind.ADDRESS_SCOPE: address_scopes.document,
    Kind.NETWORK: networks.document,
    Kind.QOS_POLICY: qos_policies.document,
    Kind.SECURITY_GROUP: security_groups.document,
    Kind.SUBNET_POOL: subnet_pools.document,
}


async def get(tx: Transaction, caller: Caller, policy_id: str) -> Resource:
    """A policy of the caller's project. Raises NotFound."""
    project_id = None if caller.is_admin else caller.project_id
    policy = await resources.find(tx, Kind.RBAC_POLICY, policy_id, project_id)
    if policy is None:
        message = f"RBAC policy of type unknown with ID {policy_id} not found"
        raise NotFound(message, reason="RbacPolicyNotFound")
    return policy


async def create(tx: Transaction, caller: Caller, wanted: dict[str, Any], now: datetime) -> Resource:
    """A new policy for an object of the caller's."""
    kind, object_id, target = Kind(wanted["object_type"]), wanted["object_id"], wanted["target_tenant"]
    _check_action(kind, wanted["action"])
    await resources.lock(tx, kind, object_id)
    shared = await resources.find(tx, kind, object_id)
    if shared is None or shared.deleting or not (caller.is_admin or shared.project_id == caller.project_id):
        raise _invalid(f"{kind.value} {object_id} is not the project's own")
    there = [policy.spec["target_tenant"] for policy in await sharing.policies(tx, object_id)]
    if target in there:
        raise Conflict("An RBAC policy already exists with those values.", reason="DuplicateRbacPolicy")
    policy = await sharing.permit(tx, caller, shared, target, now)
    await _apply(tx, shared, [*there, target])
    return policy


async def update(tx: Transaction, caller: Caller, policy_id: str, wanted: dict[str, Any]) -> Resource:
    """Another project in place of the one that it is for."""
    policy, shared = await _locked(tx, caller, policy_id)
    target = wanted.get("target_tenant", policy.spec["target_tenant"])
    if target == policy.spec["target_tenant"]:
        return policy
    left = [one.spec["target_tenant"] for one in await sharing.policies(tx, shared.id) if one.id != policy_id]
    if target in left:
        raise Conflict("An RBAC policy already exists with those values.", reason="DuplicateRbacPolicy")
    if target != EVERYBODY:
        await _check_unused(tx, shared, policy.spec["target_tenant"], [*left, target])
    policy = await standard.note(tx, policy, sharing.document, spec={"target_tenant": target})
    await _apply(tx, shared, [*left, target])
    return policy


async def delete(tx: Transaction, caller: Caller, policy_id: str) -> None:
    """End a policy on which no use of the object depends."""
    policy, shared = await _locked(tx, caller, policy_id)
    left = [one.spec["target_tenant"] for one in await sharing.policies(tx, shared.id) if one.id != policy_id]
    await _check_unused(tx, shared, policy.spec["target_tenant"], left)
    await sharing.withdraw(tx, policy)
    await _apply(tx, shared, left)


async def _locked(tx: Transaction, caller: Caller, policy_id: str) -> tuple[Resource, Resource]:
    """The policy with its object."""
    policy = await get(tx, caller, policy_id)
    kind = Kind(policy.spec["object_type"])
    await resources.lock(tx, kind, str(policy.parent_id))
    return await get(tx, caller, policy_id), await resources.get(tx, kind, str(policy.parent_id))


async def _apply(tx: Transaction, shared: Resource, targets: Sequence[str]) -> None:
    """The object, and a network's subnets with it, says who sees it."""
    terms = sharing.terms(targets)
    await standard.note(tx, shared, RENDER[shared.kind], spec=terms)
    if shared.kind is Kind.NETWORK:
        await networks.share_subnets(tx, shared.id, terms)


async def _check_unused(tx: Transaction, shared: Resource, target: str, left: Sequence[str]) -> None:
    """Whoever uses the object goes on seeing it (29.0.0 `neutron/objects/rbac_db.py` _validate_rbac_policy_delete)."""
    if EVERYBODY in left or target == shared.project_id:
        return
    users = await _users(tx, shared) - {shared.project_id}
    if users - set(left) if target == EVERYBODY else target in users:
        message = (
            f"RBAC policy on object {shared.id} cannot be removed because other objects depend on it.\n"
            f"Details: project_id={target}"
        )
        raise Conflict(message, reason="RbacPolicyInUse")


async def _users(tx: Transaction, shared: Resource) -> set[str]:
    """The projects that make something with it."""
    if shared.kind is Kind.QOS_POLICY:
        return {project_id for _, _, project_id in await qos_policies.users(tx, shared.id)}
    return {str(row[0]) for row in await resources.list_fields(tx, _use(shared), "project_id")}


def _use(shared: Resource) -> Query:
    """What others make with it: ports, subnets, pools, rules."""
    named = orjson.dumps(shared.id).decode()
    kind, condition = {
        Kind.ADDRESS_GROUP: (Kind.SECURITY_GROUP_RULE, Filter("spec.remote_address_group_id", shared.id)),
        Kind.ADDRESS_SCOPE: (Kind.SUBNET_POOL, Filter("spec.address_scope_id", shared.id)),
        Kind.NETWORK: (Kind.PORT, Filter("spec.network_id", shared.id)),
        Kind.SECURITY_GROUP: (Kind.PORT, Filter("spec.security_groups", named, "contains")),
        Kind.SUBNET_POOL: (Kind.SUBNET, Filter("spec.subnetpool_id", shared.id)),
    }[shared.kind]
    return Query(kind, filters=[Filter("deleting", False), condition])


def _check_action(kind: Kind, action: str) -> None:
    valid = (sharing.SHARED, EXTERNAL) if kind is Kind.NETWORK else (sharing.SHARED,)
    if action not in valid:
        words = f"Invalid action '{action}' for object type '{kind.value}'. Valid actions: {valid}"
        raise Invalid(words, reason="InvalidActionForType")
    if action == EXTERNAL:  # the way outside is the provider's
        raise Forbidden("rule:create_rbac_policy:action is disallowed by policy", reason="PolicyNotAuthorized")


def _invalid(words: str) -> Invalid:
    return Invalid(f"Invalid input for operation: {words}.", reason="InvalidInput")
