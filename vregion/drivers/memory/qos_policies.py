"""QoS policies. An update makes a policy's rules equal to the wanted list. Only the cloud's administrators, and the
managers of a project, may make, change and delete them; whoever is in the project may use them.

`require_policy` is the question of what can have a policy: whether the one that a body names is there.
"""

import contextlib
import uuid
from typing import Any, ClassVar

from vregion.drivers.contract import Gone, Permanent, Transient
from vregion.drivers.memory.cloud import MemoryCloud, Row
from vregion.drivers.memory.collection import Described
from vregion.model.resource import Kind

TYPES = ("bandwidth_limit", "dscp_marking", "minimum_bandwidth", "minimum_packet_rate", "packet_rate_limit")
_USERS = (Kind.PORT, Kind.NETWORK, Kind.FLOATING_IP)
_FORBIDDEN = "rule:{}_policy is disallowed by policy"


class QosPolicies(Described):
    """Neutron's QoS policies with their rules."""

    kind = Kind.QOS_POLICY
    required = ("name",)
    mutable: ClassVar[frozenset[str]] = frozenset({"name", "rules"})

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        """The rules come by update, as Neutron takes none with the policy."""
        if not self.cloud.has_qos:
            raise Permanent("network.qos: the zone's Neutron has no such extension", 501)
        self._require("create")
        owner = str(body.get("project_id", self.project))
        document = {"name": body["name"], "shared": False, "is_default": False, "rules": []}
        return QosPolicies(self.cloud, owner).add(document, mark)

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        self._require("update")
        if (wanted := fields.pop("rules", None)) is not None:
            there = {_key(rule): rule["id"] for rule in row.document["rules"]}
            row.document["rules"] = [self._rule(row, rule, there.get(_key(rule))) for rule in wanted]
        row.document |= fields

    def discard(self, row: Row) -> None:
        self._require("delete")
        users = [user for kind in _USERS for user in self.cloud.of(kind) if user.document["qos_policy_id"] == row.id]
        users += [r for r in self.cloud.of(Kind.ROUTER)
                  if (r.document["external_gateway_info"] or {}).get("qos_policy_id") == row.id]  # fmt: skip
        if users:
            raise Transient(f"QoS Policy {row.id} is used by {users[0].kind} {users[0].id}.")
        self.cloud.remove(row)

    def _own(self, row: Row) -> None:
        """An administrator may change everybody's."""
        if self.project not in self.cloud.administrators:
            super()._own(row)

    def _deleted(self, external_id: str) -> None:
        with contextlib.suppress(Gone):
            row = self.row(external_id)
            self._own(row)
            self.discard(row)

    def row(self, external_id: str) -> Row:
        """An administrator sees everybody's."""
        if self.project in self.cloud.administrators and (found := self.cloud.rows[self.kind].get(external_id)):
            return found
        return super().row(external_id)

    def _require(self, verb: str) -> None:
        if self.project not in self.cloud.administrators | self.cloud.managed:
            raise Permanent(_FORBIDDEN.format(verb), 403)

    def _rule(self, row: Row, rule: dict[str, Any], known: str | None) -> dict[str, Any]:
        if rule["type"] not in TYPES:
            raise Permanent("The resource could not be found.", 404)
        return rule | {"id": known or str(uuid.uuid4()), "qos_policy_id": row.id}


def _key(rule: dict[str, Any]) -> tuple[Any, ...]:
    """Neutron allows one rule of each type and direction."""
    return rule["type"], rule.get("direction")


def require_policy(cloud: MemoryCloud, project: str, body: dict[str, Any]) -> None:
    """Raises Permanent (404) for a policy that the project cannot use."""
    policy_id = body.get("qos_policy_id")
    if policy_id and not cloud.visible(Kind.QOS_POLICY, policy_id, project):
        raise Permanent(f"QoS policy {policy_id} could not be found.", 404)
