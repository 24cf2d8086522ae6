"""The rules of QoS policies, below their policy and by themselves (alias), and which types of rules there are.

A policy's rules are few: a list is made of the policy's row. Every type has the same routes, made by `_register`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.attributes import shown
from vregion.api.schemas.network.qos_policies import RULES
from vregion.api.schemas.network.values import bad, boolean
from vregion.model.backend import Binding
from vregion.model.refusals import Forbidden
from vregion.model.resource import Kind, Resource
from vregion.region import qos_policies, qos_rules
from vregion.region.regions import Transaction

routes = Routes()
# Whose paths Neutron has with hyphens, too: these are the ones that its extensions name (29.0.0 `neutron/extensions/
# qos_pps_minimum_rule.py`); the others answer in underscores there as well.
_HYPHENS = ("minimum_packet_rate",)
Find = Callable[[Transaction, Call], Awaitable[Resource]]


@routes.get("/qos/rule-types", policy="get_rule_type")
async def rule_types(call: Call) -> Reply:
    """What every zone with QoS can carry out; `all_supported`: at least one; `all_rules`: all that there are."""
    asked = {key: call.query.get(key) for key in call.query if key not in listing.NOT_FILTERS}
    if unknown := [key for key in asked if key not in ("all_rules", "all_supported")]:
        raise bad(f"{unknown} is invalid attribute for filtering")
    every, anywhere = (asked.get(key) is not None and boolean(asked[key]) for key in ("all_rules", "all_supported"))
    found = qos_rules.TYPES if every else qos_rules.types(await _zones(call), anywhere=anywhere)
    listing.check_order(call)
    return Reply({"rule_types": [listing.part(call, {"type": one}) for one in found]})


@routes.get("/qos/rule-types/{type}", policy="get_rule_type")
async def rule_type(call: Call) -> Reply:
    """Which zones can carry out one type, told to an admin (neutron `qos_plugin.py` get_rule_type)."""
    if not call.caller.is_admin:
        raise Forbidden("Not authorized.", reason="NotAuthorized")
    name = call.path["type"]
    if name not in qos_rules.TYPES:
        raise bad(f"Field value {name} is invalid")
    shown = {"type": name, "drivers": qos_rules.details(await _zones(call), name)}
    return Reply({"rule_type": listing.part(call, shown)})


async def _zones(call: Call) -> Sequence[Binding]:
    return await call.use.directory.bindings(call.region.id)


class Rules:
    """The routes of one type of rule. `word` wraps a rule: with the prefix `alias_` where no policy is named."""

    def __init__(self, rule_type: str, word: str, find: Find) -> None:
        self.type, self.noun, self._find = rule_type, Noun(word, Kind.QOS_POLICY, RULES[rule_type]), find
        self._filters = [name for name, attribute in self.noun.attributes.items() if attribute.field]
        self._sorts = {name: shown(name) for name in self._filters}

    async def index(self, call: Call) -> Reply:
        """A policy's rules of this type; none to who only may use the policy."""
        listing.check(call, self.noun)
        async with call.region.read() as tx:
            policy = await self._find(tx, call)
        rules = qos_rules.of(policy, self.type) if qos_policies.owns(call.caller, policy) else []
        whole = [{name: rule.get(name) for name in self.noun.attributes} for rule in rules]
        return listing.few(call, self.noun.collection, whole, self._filters, self._sorts)

    async def show(self, call: Call) -> Reply:
        """One."""
        async with call.region.read() as tx:
            policy = await self._find(tx, call)
        qos_policies.require_owner(call.caller, policy)
        return self._reply(call, qos_rules.find(policy, call.path["rule_id"]))

    async def create(self, call: Call) -> Reply:
        """One more, or several at once; the zones that have the policy follow."""
        (wanted, bulk), zones = bodies.creations(call, self.noun), await _zones(call)
        policy_id, now = call.path["id"], datetime.now(UTC)
        async with call.region.write() as tx:
            made = [await qos_rules.create(tx, call.caller, policy_id, self.type, w, zones, now) for w in wanted]
        return Reply({self.noun.collection: made}, 201) if bulk else self._reply(call, made[0], 201)

    async def update(self, call: Call) -> Reply:
        """Change one; the zones that have the policy follow."""
        wanted, zones = bodies.changes(call, self.noun), await _zones(call)
        async with call.region.write() as tx:
            named, now = ((await self._find(tx, call)).id, call.path["rule_id"]), datetime.now(UTC)
            rule = await qos_rules.update(tx, call.caller, named, wanted, zones, now)
        return self._reply(call, rule)

    async def delete(self, call: Call) -> Reply:
        """One less; the zones that have the policy follow."""
        bodies.no_body(call)
        async with call.region.write() as tx:
            policy, now = await self._find(tx, call), datetime.now(UTC)
            await qos_rules.delete(tx, call.caller, policy.id, call.path["rule_id"], now)
        return Reply(status=204)

    def _reply(self, call: Call, rule: Mapping[str, Any], status: int = 200) -> Reply:
        return Reply({self.noun.word: self._shown(call, rule)}, status)

    def _shown(self, call: Call, rule: Mapping[str, Any]) -> dict[str, Any]:
        """The rule as it is shown outside of its policy, whole or in part."""
        return listing.part(call, {key: rule[key] for key in self.noun.attributes if key in rule})


async def _named(tx: Transaction, call: Call) -> Resource:
    """The policy in the path."""
    return await qos_policies.get(tx, call.caller, call.path["id"])


def _register(rule_type: str) -> None:
    async def unnamed(tx: Transaction, call: Call) -> Resource:
        return await qos_rules.policy_of(tx, call.caller, rule_type, call.path["rule_id"])

    below = f"/qos/policies/{{id}}/{rule_type}_rules"
    rule = Rules(rule_type, f"{rule_type}_rule", _named)
    for path in (below, below.replace("_", "-")) if rule_type in _HYPHENS else (below,):
        one = f"{path}/{{rule_id}}"
        routes.get(path, policy=f"get_policy_{rule_type}_rule")(rule.index)
        routes.get(one, policy=f"get_policy_{rule_type}_rule")(rule.show)
        routes.post(path, policy=f"create_policy_{rule_type}_rule")(rule.create)
        routes.put(one, policy=f"update_policy_{rule_type}_rule")(rule.update)
        routes.delete(one, policy=f"delete_policy_{rule_type}_rule")(rule.delete)
    if rule_type == "packet_rate_limit":  # Neutron's aliases are older than this type, and never got it
        return
    alias, word = Rules(rule_type, f"alias_{rule_type}_rule", unnamed), f"alias_{rule_type}_rules"
    for alone in (f"/qos/{word}/{{rule_id}}", f"/qos/{word.replace('_', '-')}/{{rule_id}}"):
        routes.get(alone, policy=f"get_alias_{rule_type}_rule")(alias.show)
        routes.put(alone, policy=f"update_alias_{rule_type}_rule")(alias.update)
        routes.delete(alone, policy=f"delete_alias_{rule_type}_rule")(alias.delete)


for _type in qos_rules.TYPES:
    _register(_type)
