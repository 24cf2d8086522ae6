"""May this caller do that? The services' own rule names, each with the persona of the real service's default.

A persona is known by its roles in the token's project, whatever their case, as oslo.policy compares `role:`. What a
caller may *see* is not decided here: rows of other projects are simply not found.
"""

from collections.abc import Mapping

from vregion.model.caller import Caller
from vregion.model.refusals import Forbidden

# Any of these roles makes it; None: everybody.
PERSONAS: dict[str, frozenset[str] | None] = {
    "reader": frozenset({"reader", "member", "manager", "admin"}),
    "member": frozenset({"member", "manager", "admin"}),
    "manager": frozenset({"manager", "admin"}),
    "admin": frozenset({"admin"}),
    "any": None,
    "nobody": frozenset(),
}
FORBIDDEN = "Policy doesn't allow {} to be performed."


class Policy:
    """Answers for one service, from its rules: name -> persona. A rule that is not there is nobody's."""

    def __init__(self, rules: Mapping[str, str], forbidden: str = FORBIDDEN) -> None:
        self._forbidden = forbidden
        self._roles = {name: PERSONAS[persona] for name, persona in rules.items()}

    def check(self, rule: str, caller: Caller) -> bool:
        """Whether the caller's roles satisfy the rule, in the project of his token."""
        wanted = self._roles.get(rule, PERSONAS["nobody"])
        return wanted is None or not wanted.isdisjoint(role.lower() for role in caller.roles)

    def enforce(self, rule: str, caller: Caller) -> None:
        """Raises Forbidden in the service's words."""
        if not self.check(rule, caller):
            raise Forbidden(self._forbidden.format(rule), reason="PolicyNotAuthorized")
