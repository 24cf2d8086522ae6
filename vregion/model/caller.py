"""Who asks: the part of a validated token that policy and the region need. Made by `vregion.api.caller`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """A user acting in one project of one virtual region. `roles` are Keystone's names in lower case."""

    user_id: str
    project_id: str
    domain_id: str
    region_id: str
    roles: frozenset[str]
    request_id: str

    @property
    def is_admin(self) -> bool:
        """An admin of this virtual region; it means nothing outside the tenant's own domain."""
        return "admin" in self.roles
