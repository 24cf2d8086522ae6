"""What a validated token says, and the short memory for such answers.

`client.Identity` asks Keystone through a `TokenCache`, so that a request with a known token costs microseconds.
The cache fails closed: an answer is used within its time and never past it, and a Keystone that cannot be reached is
an error, not a yes.  A revoked token is therefore refused after at most the cache's `ttl`.
It must never keep a token itself (only its SHA-256), and never remember that Keystone was unreachable.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

Value = TypeVar("Value")


class Unauthorized(Exception):
    """The token is malformed, unknown, expired or revoked: the caller answers 401."""


class IdentityUnavailable(Exception):
    """Keystone gave no usable answer: the caller answers 503 and grants nothing."""


@dataclass(frozen=True, slots=True)
class Token:
    """Who calls, and in which scope: exactly one of project, domain, system, or none of them (unscoped)."""

    user_id: str
    user_name: str
    user_domain_id: str
    project_id: str | None
    project_name: str | None
    project_domain_id: str | None
    domain_id: str | None
    roles: frozenset[str]
    expires_at: datetime
    is_admin_project: bool
    system: bool
    application_credential_id: str | None

    @classmethod
    def parse(cls, body: dict[str, Any]) -> "Token":
        """Read the `token` object of GET /v3/auth/tokens.

        Without `[resource] admin_project_name` Keystone leaves `is_admin_project` out (keystone 30.0.0,
        common/render_token.py), and every OpenStack service takes its absence as true.
        """
        user, project = body["user"], body.get("project") or {}
        return cls(
            user_id=user["id"],
            user_name=user["name"],
            user_domain_id=user["domain"]["id"],
            project_id=project.get("id"),
            project_name=project.get("name"),
            project_domain_id=project["domain"]["id"] if project else None,
            domain_id=(body.get("domain") or {}).get("id"),
            roles=frozenset(role["name"] for role in body.get("roles", ())),
            expires_at=datetime.fromisoformat(body["expires_at"]),
            is_admin_project=body.get("is_admin_project", True),
            system=bool(body.get("system", {}).get("all")),
            application_credential_id=(body.get("application_credential") or {}).get("id"),
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    token: Token
    until: float  # on the monotonic clock: a stepped wall clock must not lengthen the cache's time
    expires: float  # on the wall clock, as Keystone means it


class TokenCache:
    """Remembers answers of `ask` for a short time; concurrent questions about one token become one call."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[Token]],
        ttl: float = 60.0,
        refused_ttl: float = 5.0,
        size: int = 10_000,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._ask = ask
        self._ttl = ttl
        self._refused_ttl = refused_ttl
        self._size = size
        self._monotonic = monotonic
        self._wall = wall
        # Two memories, so that a flood of garbage tokens cannot push out the good ones.
        self._held: OrderedDict[bytes, _Answer] = OrderedDict()
        self._refused: OrderedDict[bytes, float] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Token]] = {}

    async def get(self, token: str) -> Token:
        """What `token` says, or Unauthorized, or IdentityUnavailable."""
        if not token.isascii():
            raise Unauthorized("the token is malformed")
        key = hashlib.sha256(token.encode()).digest()
        answer = self._held.get(key)
        if answer is not None and self._monotonic() < answer.until and self._wall() < answer.expires:
            self._held.move_to_end(key)
            return answer.token
        if self._monotonic() < self._refused.get(key, 0.0):
            raise Unauthorized("the token is not valid")
        return await self._shared(key, token)

    async def _shared(self, key: bytes, token: str) -> Token:
        """Join the question under way, or start it; one waiter's cancellation does not disturb the others."""
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._learn(key, token))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._settle(key, done))
        return await asyncio.shield(task)

    def _settle(self, key: bytes, task: asyncio.Task[Token]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # every waiter may be gone; an unread exception would be logged as lost

    async def _learn(self, key: bytes, token: str) -> Token:
        asked = self._monotonic()  # the answer is as old as the question
        self._held.pop(key, None)
        try:
            found = await self._ask(token)
            expires = found.expires_at.timestamp()
            if expires <= self._wall():
                raise Unauthorized("the token has expired")
        except Unauthorized:
            self._keep(self._refused, key, asked + self._refused_ttl)
            raise
        self._keep(self._held, key, _Answer(found, asked + self._ttl, expires))
        return found

    def _keep(self, memory: "OrderedDict[bytes, Value]", key: bytes, value: Value) -> None:
        memory[key] = value
        memory.move_to_end(key)
        if len(memory) > self._size:
            memory.popitem(last=False)
