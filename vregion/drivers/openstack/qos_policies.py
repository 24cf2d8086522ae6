"""QoS policies with their rules, on one OpenStack cloud. Made by the driver; the mark is Neutron's description.

A policy is made with `create` and gets its rules by `update`. Rules have no place for a mark: all of a policy that is
ours are ours. A rule is known by its type and direction, of which Neutron allows one each. What goes, goes first; then
limits rise and guarantees fall before the others, as Neutron never lets a guarantee be above a limit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vregion.drivers.contract import Gone, Observed
from vregion.drivers.openstack.collection import Document, Resources
from vregion.drivers.openstack.extensions import Extensions
from vregion.drivers.openstack.faults import Reply
from vregion.drivers.openstack.marks import InDescription
from vregion.drivers.openstack.service import Service

_RULES = "rules"
_SENT = ("direction", "max_kbps", "max_burst_kbps", "min_kbps", "max_kpps", "max_burst_kpps", "min_kpps", "dscp_mark")
_AMOUNTS = ("max_kbps", "min_kbps")

Rule = Mapping[str, Any]


class QosPolicies(Resources):
    """Neutron's QoS policies."""

    word = "policy"
    path = "/qos/policies"
    mark = InDescription()

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._extensions = Extensions(service)

    def items(self, reply: Reply) -> list[Document]:
        """The plural of the word is its own."""
        found: list[Document] = reply.part("policies")
        return found

    def has_next(self, body: Document) -> bool:
        return any(link.get("rel") == "next" for link in body.get("policies_links") or ())

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed:
        """The policy alone; the rules come by `update`. Raises Unsupported where Neutron has no QoS."""
        await self._extensions.require("qos")
        return await super().create(mark, {key: value for key, value in body.items() if key != _RULES})

    async def find(self, mark: str) -> Observed | None:
        """Where there is no QoS there is none."""
        return await super().find(mark) if await self._extensions.have("qos") else None

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """Make the name and, where given, the rules equal to what is wanted."""
        plain = {key: value for key, value in body.items() if key != _RULES}
        seen = await super().update(external_id, plain)
        if _RULES not in body:
            return seen
        wanted = {_key(rule): rule for rule in body[_RULES]}
        there = {_key(rule): rule for rule in seen.document[_RULES]}
        for key in there.keys() - wanted.keys():
            await self._remove(external_id, there[key])
        changed = [
            (wanted[key], there[key]) for key in wanted.keys() & there.keys() if _differ(wanted[key], there[key])
        ]
        for rule, old in sorted(changed, key=lambda pair: _tightens(*pair)):
            path = f"{self._below(external_id, rule)}/{old['id']}"
            await self.service.send("PUT", path, _wrapped(rule), own=old["id"])
        missing = [wanted[key] for key in sorted(wanted.keys() - there.keys())]
        for rule in missing:
            await self.service.send("POST", self._below(external_id, rule), _wrapped(rule), own=external_id)
        return await self.get(external_id) if changed or missing or there.keys() - wanted.keys() else seen

    async def _remove(self, external_id: str, rule: Rule) -> None:
        try:
            await self.service.send("DELETE", f"{self._below(external_id, rule)}/{rule['id']}", own=rule["id"])
        except Gone:
            return

    def _below(self, external_id: str, rule: Rule) -> str:
        return f"{self.url(external_id)}/{rule['type']}_rules"


def _key(rule: Rule) -> tuple[str, str]:
    return str(rule["type"]), str(rule.get("direction") or "")


def _wrapped(rule: Rule) -> dict[str, Any]:
    return {f"{rule['type']}_rule": {key: rule[key] for key in _SENT if key in rule}}


def _differ(wanted: Rule, there: Rule) -> bool:
    return any(there.get(key) != wanted[key] for key in _SENT if key in wanted)


def _tightens(wanted: Rule, there: Rule) -> bool:
    """Whether a limit falls or a guarantee rises."""
    limit, guarantee = ((there.get(key) or 0) - (wanted.get(key) or 0) for key in _AMOUNTS)
    return bool(limit > 0 or guarantee < 0)


def types_of(found: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rule types with what the first driver that has one says of its parameters, as a report has them."""
    return {one["type"]: next((d["supported_parameters"] for d in one.get("drivers") or ()), []) for one in found}
