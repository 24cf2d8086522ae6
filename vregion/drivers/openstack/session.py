"""A session on one OpenStack cloud: one token, one pool of connections, every HTTP exchange.

Used by the services (`service.py`) and by nothing else; made by the driver. The token is renewed before it ends, and
once when a service refuses it, by one request however many wait for it. It must never retry a request that a service
may have acted on, and never log or show a credential.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
import orjson

from vregion.drivers.contract import Transient, Unsupported
from vregion.drivers.openstack.faults import Reply, error_of, unreachable
from vregion.model.backend import Backend, Credential

# Passed on to the services as the global request id (oslo.middleware request_id accepts 'req-' and a UUID).
request_id: ContextVar[str | None] = ContextVar("openstack_request_id", default=None)

_RENEW_BEFORE = 300.0  # seconds; keystoneauth's default is 30, too few for an image's bytes
_BELOW_HTTP = (aiohttp.ClientError, TimeoutError, OSError)
Params = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Token:
    """What Keystone gave. `renew_at` is on the monotonic clock, so that a skewed wall clock does no harm."""

    value: str
    renew_at: float
    user_id: str
    project_id: str | None
    domain_id: str
    roles: frozenset[str]
    catalog: Sequence[Mapping[str, Any]]


class Session:
    """One credential on one cloud."""

    def __init__(self, backend: Backend, credential: Credential, client: aiohttp.ClientSession, timeout: float) -> None:
        self.backend = backend
        self.timeout = timeout
        self._credential = credential
        self._client = client
        self._token: Token | None = None
        self._renewal = asyncio.Lock()

    @property
    def auth_url(self) -> str:
        """Keystone, with its version."""
        address = self.backend.address.rstrip("/")
        return address if address.endswith("/v3") else f"{address}/v3"

    def with_credential(self, credential: Credential) -> "Session":
        """Another credential on the same cloud, over the same connections."""
        return Session(self.backend, credential, self._client, self.timeout)

    async def token(self) -> Token:
        """A token with some life left."""
        if (token := self._token) and time.monotonic() < token.renew_at:
            return token
        async with self._renewal:
            if self._token is None or time.monotonic() >= self._token.renew_at:
                self._token = await self._authenticate()
            return self._token

    async def endpoint(self, types: Sequence[str]) -> str:
        """The public URL of the first of these service types that the region has."""
        region = self.backend.region_name
        offered = {
            service["type"]: endpoint["url"]
            for service in (await self.token()).catalog
            for endpoint in service["endpoints"]
            if endpoint["interface"] == "public" and region in ("", endpoint.get("region_id"), endpoint.get("region"))
        }
        for name in types:
            if name in offered:
                return str(offered[name]).rstrip("/")
        raise Unsupported(f"{types[0]}: the catalog has no such service in region {region!r}")

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: Any = None, params: Params = ()
    ) -> Reply:
        """One request and its answer, whatever its status; a refused token is renewed once."""
        token = await self.token()
        reply = await self._request(method, url, {**headers, "X-Auth-Token": token.value}, body, params)
        if reply.status == 401:
            self._forget(token)
            token = await self.token()
            reply = await self._request(method, url, {**headers, "X-Auth-Token": token.value}, body, params)
        return reply

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, headers: Mapping[str, str], data: AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An exchange whose bytes are not held in memory; the caller bounds its time. A 401 is not repaired here."""
        token = await self.token()
        sent = {**headers, "X-Auth-Token": token.value, **_traced()}
        bounds = aiohttp.ClientTimeout(total=None, sock_connect=self.timeout)
        try:
            async with self._client.request(
                method, url, headers=sent, data=data, timeout=bounds, allow_redirects=False
            ) as response:
                if response.status == 401:
                    self._forget(token)
                yield response
        except _BELOW_HTTP as error:
            raise unreachable(error, url) from error

    def _forget(self, token: Token) -> None:
        """Drop this token, unless another has taken its place meanwhile."""
        if self._token is token:
            self._token = None

    async def _request(self, method: str, url: str, headers: Mapping[str, str], body: Any, params: Params) -> Reply:
        sent = {"Accept": "application/json", **headers, **_traced()}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        data = None if body is None else orjson.dumps(body)
        bounds = aiohttp.ClientTimeout(total=self.timeout)
        try:
            async with self._client.request(
                method, url, headers=sent, data=data, params=params, timeout=bounds, allow_redirects=False
            ) as response:
                return await read(response)
        except _BELOW_HTTP as error:
            raise unreachable(error, url) from error

    async def _authenticate(self) -> Token:
        asked = time.monotonic()
        reply = await self._request("POST", f"{self.auth_url}/auth/tokens", {}, self._auth_body(), ())
        if reply.status != 201 or reply.body is None:
            refused = error_of(reply)
            # A credential that was revoked or locked is no fault of the request that needed it, and may come back.
            raise refused if isinstance(refused, Transient) else Transient(f"{self.auth_url}: {refused.message}")
        token = reply.body["token"]
        life = datetime.fromisoformat(token["expires_at"]) - datetime.fromisoformat(token["issued_at"])
        scope = token.get("project") or {}
        domain = scope.get("domain") or token.get("domain") or token["user"]["domain"]
        return Token(
            value=reply.headers["X-Subject-Token"],
            renew_at=asked + max(life.total_seconds() - _RENEW_BEFORE, life.total_seconds() / 2),
            user_id=token["user"]["id"],
            project_id=scope.get("id"),
            domain_id=domain["id"],
            roles=frozenset(role["name"].lower() for role in token.get("roles", ())),
            catalog=token.get("catalog", ()),
        )

    def _auth_body(self) -> dict[str, Any]:
        values = self._credential.values
        if "application_credential_id" in values:
            one = {"id": values["application_credential_id"], "secret": values["application_credential_secret"]}
            return {"auth": {"identity": {"methods": ["application_credential"], "application_credential": one}}}
        user = {**_named(values, "user", "username"), "password": values["password"]}
        identity = {"methods": ["password"], "password": {"user": user}}
        return {"auth": {"identity": identity, "scope": _scope(values)}}


async def read(response: aiohttp.ClientResponse) -> Reply:
    """The whole answer; a body that is no JSON object counts as none."""
    raw = await response.read()
    try:
        parsed = orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        parsed = None
    body = parsed if isinstance(parsed, dict) else None
    return Reply(response.method, str(response.url), response.status, response.headers, body)


def _traced() -> dict[str, str]:
    current = request_id.get()
    return {"X-OpenStack-Request-ID": current} if current else {}


def _scope(values: Mapping[str, str]) -> dict[str, Any]:
    """What the token is for: a project, or with none given a domain."""
    if "project_id" in values or "project_name" in values:
        return {"project": _named(values, "project", "project_name")}
    domain = {key: values[f"domain_{key}"] for key in ("id", "name") if f"domain_{key}" in values}
    return {"domain": domain or {"id": "default"}}


def _named(values: Mapping[str, str], noun: str, name_key: str) -> dict[str, Any]:
    """A user or project by id, or by name within its domain (Keystone's first domain has the id 'default')."""
    if f"{noun}_id" in values:
        return {"id": values[f"{noun}_id"]}
    prefix = f"{noun}_domain_"
    domain = {key: values[prefix + key] for key in ("id", "name") if prefix + key in values}
    return {"name": values[name_key], "domain": domain or {"id": "default"}}
