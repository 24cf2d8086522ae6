"""Who may use the provider's API: holders of the role `admin` on the provider's own project, and nobody else.

Made by `vregion.app` and handed to `api.routes`. A tenant's administrator is a domain manager and never gets that
role; that the project must be the provider's own holds even if he did, in his domain.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from vregion.identity.client import Identity
from vregion.identity.tokens import IdentityUnavailable, Unauthorized
from vregion.model.refusals import Forbidden, Unauthenticated, Unavailable

Authorize = Callable[[Request], Awaitable[None]]
DOMAIN = "default"  # the id of Keystone's first domain


def provider_only(identity: Identity, project: str) -> Authorize:
    """A check that lets pass whoever is admin of this project in the domain `default`, or of that domain."""

    async def authorize(request: Request) -> None:
        text = request.headers.get("x-auth-token")
        if not text:
            raise Unauthenticated("The provider's API wants a Keystone token.")
        try:
            token = await identity.validate(text)
        except Unauthorized as refused:
            raise Unauthenticated("Keystone does not know this token.") from refused
        except IdentityUnavailable as ill:
            raise Unavailable("Keystone does not answer.") from ill
        own = (token.project_domain_id, token.project_name) == (DOMAIN, project) or token.domain_id == DOMAIN
        if not own or "admin" not in {role.lower() for role in token.roles}:
            raise Forbidden(f"The provider's API is for admins of the provider's project {project}.")

    return authorize
