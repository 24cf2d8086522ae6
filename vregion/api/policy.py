"""May this caller do that? oslo.policy behind one function, with the services' own rule names.

Every rule has the persona that the real service's default gives it (reader, member, manager or admin of the project);
a provider may override rules in a policy file, as with the real services. What a caller may *see* is not decided here:
rows of other projects are simply not found.
"""

from collections.abc import Mapping

from oslo_config import cfg
from oslo_policy import _checks, policy

from vregion.model.caller import Caller
from vregion.model.refusals import Forbidden

PERSONAS = {
    "reader": "role:reader or role:member or role:manager or role:admin",
    "member": "role:member or role:manager or role:admin",
    "manager": "role:manager or role:admin",
    "admin": "role:admin",
    "any": "@",
    "nobody": "!",
}
# Rules that ask a server by HTTP (oslo.policy 6.0.1, _external.py) would stop every other request meanwhile, and cost
# the process `requests`, 6 MiB: a policy file's `http:` is a check that nobody passes.
_checks.extension_checks = {}
FORBIDDEN = "Policy doesn't allow {} to be performed."


class Policy:
    """Answers from the rules' defaults and the provider's file; an answer is remembered per rule and set of roles."""

    def __init__(self, rules: Mapping[str, str], policy_file: str | None = None, forbidden: str = FORBIDDEN) -> None:
        self._forbidden = forbidden
        configuration = cfg.ConfigOpts()
        configuration([], project="vregion", default_config_files=[], default_config_dirs=[])
        self._enforcer = policy.Enforcer(configuration, policy_file=policy_file)
        self._enforcer.suppress_default_change_warnings = True
        self._enforcer.suppress_deprecation_warnings = True
        for name, persona in rules.items():
            self._enforcer.register_default(policy.RuleDefault(name, PERSONAS[persona]))
        self._enforcer.load_rules()
        self._known: dict[tuple[str, frozenset[str]], bool] = {}

    def check(self, rule: str, caller: Caller) -> bool:
        """Whether the caller's roles satisfy the rule, in the project of his token."""
        key = (rule, caller.roles)
        known = self._known.get(key)
        if known is None:
            credentials = {"roles": list(caller.roles), "project_id": caller.project_id, "user_id": caller.user_id}
            target = {"project_id": caller.project_id, "user_id": caller.user_id}
            known = self._known[key] = bool(self._enforcer.enforce(rule, target, credentials))
        return known

    def enforce(self, rule: str, caller: Caller) -> None:
        """Raises Forbidden in the service's words."""
        if not self.check(rule, caller):
            raise Forbidden(self._forbidden.format(rule), reason="PolicyNotAuthorized")
