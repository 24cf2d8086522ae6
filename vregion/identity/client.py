"""The provider's Keystone, asked asynchronously with one service credential over one shared session.

The API's middleware calls `Identity.validate` for every request; `tenants` and `catalog` use `Identity.request`.
It signs in by itself, again before its token ends, and once more when Keystone refuses it.  Every doubt ends as
IdentityUnavailable: it must never take a failure for an answer, and never log a token or a password.
Tokens of application credentials with access rules are refused: Keystone gives them only to a service that announces
(OpenStack-Identity-Access-Rules) that it enforces such rules.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from vregion.identity.roles import Roles
from vregion.identity.tokens import IdentityUnavailable, Token, TokenCache, Unauthorized

TOKEN_MAX = 8192  # characters; Fernet tokens have some 200, JWS tokens below 2000
RENEW_BEFORE = 120.0  # seconds before its end at which the own token is replaced
REFUSED_PAUSE = 10.0  # seconds after a refused sign-in, lest retries lock the service user out
_CONNECT = 5.0  # seconds


class IdentityRefused(Exception):
    """Keystone understood the request and said no (4xx)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True)
class PasswordCredential:
    """A service user, scoped to a project, or to the system when no project is named."""

    username: str
    password: str = field(repr=False)
    project_name: str | None = "admin"
    user_domain_id: str = "default"
    project_domain_id: str = "default"

    def sign_in(self) -> dict[str, Any]:
        user = {"name": self.username, "domain": {"id": self.user_domain_id}, "password": self.password}
        scope: dict[str, Any] = {"system": {"all": True}}
        if self.project_name is not None:
            scope = {"project": {"name": self.project_name, "domain": {"id": self.project_domain_id}}}
        return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}


@dataclass(frozen=True)
class ApplicationCredential:
    """An application credential of a service user; its scope is part of it."""

    id: str
    secret: str = field(repr=False)

    def sign_in(self) -> dict[str, Any]:
        method = "application_credential"
        return {"auth": {"identity": {"methods": [method], method: {"id": self.id, "secret": self.secret}}}}


class Identity:
    """One Keystone at `url` (with or without /v3).  Close it, or use it as an async context manager.

    `timeout`: seconds for an answer; one that takes no connection is given up after `_CONNECT`.
    """

    def __init__(
        self,
        url: str,
        credential: PasswordCredential | ApplicationCredential,
        *,
        token_ttl: float = 60.0,
        timeout: float = 20.0,
    ) -> None:
        self.url = url.rstrip("/").removesuffix("/v3") + "/v3"
        self._credential = credential
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=_CONNECT)
        self._http: aiohttp.ClientSession | None = None
        self._own_token: str | None = None
        self._renew_at = 0.0
        self._refused_until = 0.0
        self._signing_in = asyncio.Lock()
        self._roles: Roles | None = None
        self._tokens = TokenCache(self.inspect, ttl=token_ttl)

    async def __aenter__(self) -> "Identity":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def validate(self, token: str) -> Token:
        """Who holds this token: Token, or Unauthorized (401), or IdentityUnavailable (503)."""
        return await self._tokens.get(token)

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Call `path` (below /v3) as the service user; the decoded answer, None when it is empty."""
        sent = await self._sign_in(stale=None)
        status, _, answer = await self._send(method, path, body, params, {**(headers or {}), "X-Auth-Token": sent})
        if status == 401:
            sent = await self._sign_in(stale=sent)
            status, _, answer = await self._send(method, path, body, params, {**(headers or {}), "X-Auth-Token": sent})
        if status == 401:
            raise IdentityUnavailable("Keystone refuses the token that it gave to the service user")
        if status >= 400:
            raise IdentityRefused(status, _message(answer))
        return answer

    async def roles(self) -> Roles:
        """The global roles, asked for once in the life of the own token; without `domain_id` no domain's own ones."""
        if self._roles is None:
            asked = await asyncio.gather(self.request("GET", "/roles"), self.request("GET", "/role_inferences"))
            self._roles = Roles.parse(asked[0]["roles"], asked[1]["role_inferences"])
        return self._roles

    def forget_roles(self) -> None:
        """Ask for them again: Keystone refused one."""
        self._roles = None

    async def inspect(self, token: str) -> Token:
        """Like `validate`, but asks Keystone now, past the cache."""
        if not token or len(token) > TOKEN_MAX or not token.isprintable():
            raise Unauthorized("the token is malformed")
        try:
            answer = await self.request(
                "GET", "/auth/tokens", params={"nocatalog": "1"}, headers={"X-Subject-Token": token}
            )
            return Token.parse(answer["token"])
        except IdentityRefused as refused:
            if refused.status in (400, 404):
                raise Unauthorized("the token is not valid") from None
            raise IdentityUnavailable(f"Keystone does not let the service user validate: {refused}") from None
        except (KeyError, TypeError, ValueError) as wrong:
            raise IdentityUnavailable("Keystone's answer about a token cannot be understood") from wrong

    async def _sign_in(self, stale: str | None) -> str:
        """The own token; a new one when there is none, it ends soon, or it is the `stale` one."""
        async with self._signing_in:
            now = time.monotonic()
            if self._own_token is not None and self._own_token != stale and now < self._renew_at:
                return self._own_token
            if now < self._refused_until:
                raise IdentityUnavailable("Keystone refused the service credential a moment ago")
            status, token, answer = await self._send(
                "POST", "/auth/tokens", self._credential.sign_in(), {"nocatalog": "1"}, {}
            )
            if status != 201 or not token:
                self._refused_until = now + REFUSED_PAUSE
                raise IdentityUnavailable(f"Keystone refuses the service credential: {status}: {_message(answer)}")
            lifetime = Token.parse(answer["token"]).expires_at.timestamp() - time.time()
            self.forget_roles()
            self._own_token, self._renew_at = token, now + max(lifetime - RENEW_BEFORE, lifetime / 2)
            return token

    async def _send(
        self, method: str, path: str, body: object, params: dict[str, str] | None, headers: dict[str, str]
    ) -> tuple[int, str | None, Any]:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                timeout=self._timeout, connector=aiohttp.TCPConnector(limit=32), cookie_jar=aiohttp.DummyCookieJar()
            )
        data = None if body is None else orjson.dumps(body)
        headers = {**headers, "Content-Type": "application/json", "Accept": "application/json"}
        try:
            async with self._http.request(
                method, self.url + path, data=data, params=params, headers=headers, allow_redirects=False
            ) as response:
                raw = await response.read()
                answer = orjson.loads(raw) if raw else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as failed:
            raise IdentityUnavailable(f"no usable answer from Keystone: {type(failed).__name__}") from failed
        if response.status >= 500 or 300 <= response.status < 400:
            raise IdentityUnavailable(f"Keystone answered {response.status}")
        return response.status, response.headers.get("X-Subject-Token"), answer


def _message(answer: object) -> str:
    """The words of a Keystone fault: {"error": {"message": ...}}."""
    match answer:
        case {"error": {"message": str(message)}}:
            return message
    return "no reason given"
