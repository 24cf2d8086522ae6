"""Whose a project is: Keystone is asked, before anything is written. For who names another."""

from vregion.api.http import Call
from vregion.identity.client import IdentityRefused
from vregion.identity.tokens import IdentityUnavailable
from vregion.model.refusals import Unavailable


async def is_of_tenant(call: Call, project_id: str) -> bool:
    """Whether it is one of the tenant's own; another tenant's is like none. Raises Unavailable."""
    if project_id == call.project_id:
        return True
    if not project_id.isalnum():  # it goes into a path
        return False
    try:
        found = await call.use.identity.request("GET", f"/projects/{project_id}")
    except IdentityUnavailable as ill:
        raise Unavailable("The Keystone service is temporarily unavailable.") from ill
    except IdentityRefused:
        return False
    return bool(found["project"]["domain_id"] == call.caller.domain_id)
