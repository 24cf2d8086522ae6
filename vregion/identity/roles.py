"""The global roles of a Keystone and what they imply, so that a tenant is granted no role that another brings along.

Asked for by `Identity.roles`, used by `tenants`. A grant costs Keystone more than any other call of an opening: it
drops what was computed of everybody's roles (keystone 30.0.0, assignment/core.py: COMPUTED_ASSIGNMENTS_REGION).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Roles:
    """Role name -> id, and role name -> what it implies, as far as that goes."""

    ids: Mapping[str, str]
    implied: Mapping[str, frozenset[str]]

    @classmethod
    def parse(cls, roles: Iterable[Mapping[str, Any]], inferences: Iterable[Mapping[str, Any]]) -> "Roles":
        """Read `roles` of GET /roles and `role_inferences` of GET /role_inferences."""
        direct = {one["prior_role"]["name"]: {role["name"] for role in one["implies"]} for one in inferences}
        implied = {}
        for name in direct:
            found: set[str] = set()
            ahead = set(direct[name])
            while ahead:
                found |= ahead
                ahead = {more for role in ahead for more in direct.get(role, ())} - found
            implied[name] = frozenset(found)
        return cls({role["name"]: role["id"] for role in roles}, implied)

    def needed(self, names: Sequence[str]) -> list[str]:
        """The ids of those of these roles that none before them implies."""
        kept: list[str] = []
        for name in names:
            if not any(name in self.implied.get(other, ()) for other in kept):
                kept.append(name)
        return [self.ids[name] for name in kept]
