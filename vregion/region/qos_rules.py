"""The rules of QoS policies: a list in the policy's row. Called by the API.

The checks and their words are Neutron's (29.0.0 `neutron/objects/qos/qos_policy_validator.py`,
`neutron/services/qos/qos_plugin.py`). Every change of a rule is a change of its policy, whose zones follow.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, NotFound, Unsupported
from vregion.model.resource import Kind, Resource
from vregion.region import qos_policies, realizations, resources, sharing
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

Rule = dict[str, Any]
TYPES = ("bandwidth_limit", "dscp_marking", "minimum_bandwidth", "minimum_packet_rate", "packet_rate_limit")
_GUARANTEES = ("minimum_bandwidth", "minimum_packet_rate")


def types(zones: Sequence[Binding], *, anywhere: bool = False) -> list[str]:
    """What every zone with QoS can carry out, or at least one of them."""
    offered = [set(zone.qos_rule_types) for zone in zones if zone.qos_rule_types]
    common = set.union(set(), *offered) if anywhere else set.intersection(*offered) if offered else set()
    return [one for one in TYPES if one in common]


def details(zones: Sequence[Binding], rule_type: str) -> list[dict[str, Any]]:
    """The zones that can carry out a type of rule, in the place where Neutron has its drivers."""
    found = [(zone.availability_zone, (zone.qos_rule_types or {}).get(rule_type)) for zone in zones]
    return [{"name": name, "supported_parameters": told} for name, told in found if told is not None]


def of(policy: Resource, rule_type: str) -> list[Rule]:
    """A policy's rules of one type."""
    return [rule for rule in policy.spec["rules"] if rule["type"] == rule_type]


def find(policy: Resource, rule_id: str) -> Rule:
    """One rule, whatever its type: Neutron looks no closer. Raises NotFound."""
    for rule in policy.spec["rules"]:
        if rule["id"] == rule_id:
            return dict(rule)
    raise _no_rule(policy.id, rule_id)


async def policy_of(tx: Transaction, caller: Caller, rule_type: str, rule_id: str) -> Resource:
    """The policy of a rule that is named without it. Raises NotFound."""
    naming = (Filter("deleting", False), Filter("spec.rules", rule_id, "contains"))
    query = Query(Kind.QOS_POLICY, filters=naming, limit=1, **sharing.visible(caller))
    for policy in await resources.list_resources(tx, query):
        if any(rule["id"] == rule_id for rule in of(policy, rule_type)):
            return policy
    raise _no_rule("", rule_id)


async def create(
    tx: Transaction,
    caller: Caller,
    policy_id: str,
    rule_type: str,
    wanted: Rule,
    zones: Sequence[Binding],
    now: datetime,
) -> Rule:
    """One rule more. `zones` are those of the region."""
    await qos_policies.hold(tx, policy_id)
    policy = await qos_policies.get(tx, caller, policy_id)
    standard.check_owner(policy, caller, f"create_policy_{rule_type}_rule")
    rule = {"id": str(uuid.uuid4()), **wanted, "qos_policy_id": policy.id, "type": rule_type}
    _check_amounts(policy, wanted)
    await _write(tx, policy, rule, [*policy.spec["rules"], rule], zones, now)
    return rule


async def update(
    tx: Transaction,
    caller: Caller,
    named: tuple[str, str],
    wanted: Rule,
    zones: Sequence[Binding],
    now: datetime,
) -> Rule:
    """Change a rule; `named` are the ids of its policy and of itself."""
    policy = await _held(tx, caller, named[0])
    _check_amounts(policy, wanted)
    rule = find(policy, named[1]) | wanted
    others = [rule if one["id"] == rule["id"] else one for one in policy.spec["rules"]]
    await _write(tx, policy, rule, others, zones, now)
    return rule


async def delete(tx: Transaction, caller: Caller, policy_id: str, rule_id: str, now: datetime) -> None:
    """One rule less."""
    policy = await _held(tx, caller, policy_id)
    rule = find(policy, rule_id)
    left = [one for one in policy.spec["rules"] if one["id"] != rule_id]
    await _refuse_guarantee(tx, policy, rule)
    await standard.revise(tx, policy, qos_policies.document, now, spec={"rules": left})


async def _held(tx: Transaction, caller: Caller, policy_id: str) -> Resource:
    """The policy, to be changed by its owner."""
    await qos_policies.hold(tx, policy_id)
    policy = await qos_policies.get(tx, caller, policy_id)
    qos_policies.require_owner(caller, policy)
    return policy


async def _write(
    tx: Transaction, policy: Resource, rule: Rule, rules: list[Rule], zones: Sequence[Binding], now: datetime
) -> None:
    _check_directions(policy, rule)
    _check_duplicate(policy, rule)
    await _check_zones(tx, policy, rule, zones)
    await _refuse_guarantee(tx, policy, rule)
    ordered = sorted(rules, key=lambda one: TYPES.index(one["type"]))
    await standard.revise(tx, policy, qos_policies.document, now, spec={"rules": ordered})


def _check_amounts(policy: Resource, wanted: Mapping[str, Any]) -> None:
    """A guarantee must not be above a limit; without a direction those of both are compared."""
    for rule in policy.spec["rules"]:
        if wanted.get("direction") and rule.get("direction") != wanted["direction"]:
            continue
        guaranteed, limit = rule.get("min_kbps"), rule.get("max_kbps")
        if guaranteed is not None and guaranteed > wanted.get("max_kbps", guaranteed):
            raise _conflict(policy, rule, wanted["max_kbps"], guaranteed)
        if limit is not None and limit < wanted.get("min_kbps", limit):
            raise _conflict(policy, rule, wanted["min_kbps"], limit)


def _check_directions(policy: Resource, rule: Rule) -> None:
    """A packet rate is guaranteed for any direction, or for each by itself."""
    if rule["type"] != "minimum_packet_rate":
        return
    for other in of(policy, rule["type"]):
        if other["id"] != rule["id"] and (other["direction"] == "any") != (rule["direction"] == "any"):
            raise _conflict(policy, other, rule["direction"], other["direction"])


def _check_duplicate(policy: Resource, rule: Rule) -> None:
    for other in of(policy, rule["type"]):
        if other["id"] != rule["id"] and other.get("direction") == rule.get("direction"):
            message = f"Rule {rule['type']} conflicts with rule {other['id']} which already exists in QoS Policy"
            raise Conflict(f"{message} {policy.id}.", reason="QoSRulesConflict")


async def _check_zones(tx: Transaction, policy: Resource, rule: Rule, zones: Sequence[Binding]) -> None:
    """A policy that zones have takes no rule that one of them cannot carry out."""
    there = await realizations.backends_of(tx, Kind.QOS_POLICY, [policy.id])
    for zone in zones:
        known = zone.qos_rule_types if zone.backend_id in there else None
        if known is not None and rule["type"] not in known:
            message = f"Rule {rule['type']} is not supported in availability zone {zone.availability_zone}"
            raise Conflict(message, reason="QosRuleNotSupported")


async def _refuse_guarantee(tx: Transaction, policy: Resource, rule: Rule) -> None:
    """What is guaranteed was taken from a host when the server was placed (`reject_rule_update_for_bound_port`)."""
    if rule["type"] not in _GUARANTEES:
        return
    users = await qos_policies.users(tx, policy.id)
    by_kind = {kind: [user_id for one, user_id, _ in users if one is kind] for kind in (Kind.PORT, Kind.NETWORK)}
    ports = list((await resources.find_many(tx, Kind.PORT, by_kind[Kind.PORT])).values())
    if by_kind[Kind.NETWORK]:
        on = (Filter("spec.network_id", by_kind[Kind.NETWORK], "in"), Filter("deleting", False))
        on_networks = await resources.list_resources(tx, Query(Kind.PORT, filters=on))
        ports += [port for port in on_networks if not port.spec.get(qos_policies.POLICY_ID)]
    if any(port.spec["device_owner"].startswith("compute:") for port in ports):
        raise Unsupported("Cannot update QoS policies/rules backed by resources tracked in Placement")


def _no_rule(policy_id: str, rule_id: str) -> NotFound:
    return NotFound(f"QoS rule {rule_id} for policy {policy_id} could not be found.", reason="QosRuleNotFound")


def _conflict(policy: Resource, existing: Mapping[str, Any], value: Any, there: Any) -> Conflict:
    return Conflict(
        f"Unable to add the rule with value {value} to the policy {policy.id} as the existing rule of type "
        f"{existing['type']} has value {there}.",
        reason="QoSRuleParameterConflict",
    )
