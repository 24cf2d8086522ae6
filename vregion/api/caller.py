"""From a request to a `Caller`: the token is validated (cached, fail closed) and its domain says which virtual region.

A valid token of a domain that has no virtual region is answered like no token at all.
"""

from starlette.requests import Request

from vregion.directory.directory import Directory
from vregion.identity.client import Identity
from vregion.identity.tokens import IdentityUnavailable, Unauthorized
from vregion.model.caller import Caller
from vregion.model.refusals import Unauthenticated, Unavailable

WORDS = "The request you have made requires authentication."


class Authenticator:
    """Called once per request by every service."""

    def __init__(self, identity: Identity, directory: Directory) -> None:
        self._identity, self._directory = identity, directory

    async def __call__(self, request: Request, request_id: str) -> Caller:
        """Raises Unauthenticated (401), or Unavailable (503) when Keystone does not answer."""
        text = request.headers.get("x-auth-token")
        if not text:
            raise Unauthenticated(WORDS)
        try:
            token = await self._identity.validate(text)
        except Unauthorized as refused:
            raise Unauthenticated(WORDS) from refused
        except IdentityUnavailable as ill:
            raise Unavailable("The Keystone service is temporarily unavailable.") from ill
        if token.project_id is None or token.project_domain_id is None:
            raise Unauthenticated(WORDS)
        tenant = await self._directory.region_of_domain(token.project_domain_id)
        if tenant is None:
            raise Unauthenticated(WORDS)
        return Caller(
            token.user_id, token.project_id, token.project_domain_id, tenant.region_id, token.roles, request_id
        )
