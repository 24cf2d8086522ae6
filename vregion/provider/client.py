"""A client of the provider's API, for the command line: signs in with the OS_* variables, asks, and gives the answer.

It knows addresses and errors, nothing of backends or tenants. A secret comes from a variable, a file or a prompt, and
is sent, never shown.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from vregion.provider.api import PREFIX

TIME_LIMIT = aiohttp.ClientTimeout(total=300)  # opening a tenant waits for every backend


class Failed(Exception):
    """What to tell the user."""


@dataclass(frozen=True, slots=True)
class Client:
    """`environ` holds OS_*; `prompt(text)` reads a secret that is missing there."""

    url: str
    environ: Mapping[str, str]
    prompt: Callable[[str], str]

    def ask(self, method: str, path: str, body: object = None, params: Mapping[str, str] | None = None) -> Any:
        """One operation; its answer, None when it has none. Raises Failed."""
        auth = None if "OS_TOKEN" in self.environ else sign_in(self.environ, self.prompt)
        try:
            return asyncio.run(self._ask(auth, method, path, body, params))
        except (aiohttp.ClientError, OSError, TimeoutError) as failed:
            raise Failed(str(failed) or type(failed).__name__) from failed

    async def _ask(self, auth: object, method: str, path: str, body: object, params: Mapping[str, str] | None) -> Any:
        async with aiohttp.ClientSession(timeout=TIME_LIMIT) as http:
            token = self.environ["OS_TOKEN"] if auth is None else await self._token(http, auth)
            url = self.url.rstrip("/") + PREFIX + path
            sent = {"X-Auth-Token": token, "Content-Type": "application/json"}
            data = None if body is None else orjson.dumps(body)
            async with http.request(method, url, data=data, params=params, headers=sent) as response:
                return await _answer(response)

    async def _token(self, http: aiohttp.ClientSession, auth: object) -> str:
        address = self.environ["OS_AUTH_URL"].rstrip("/").removesuffix("/v3") + "/v3/auth/tokens"
        async with http.post(address, json=auth) as response:
            await _answer(response)
            return response.headers["X-Subject-Token"]


async def _answer(response: aiohttp.ClientResponse) -> Any:
    raw = await response.read()
    try:
        answer = orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        raise Failed(f"{response.url.origin()} answers {response.status}, and not in JSON") from None
    if response.status < 400:
        return answer
    match answer:
        case {"error": {"message": str(message)}}:
            raise Failed(message)
    raise Failed(f"{response.url.origin()} answers {response.status}")


def sign_in(environ: Mapping[str, str], prompt: Callable[[str], str]) -> dict[str, Any]:
    """The body of Keystone's POST /auth/tokens, from the variables that every OpenStack client knows."""
    if "OS_AUTH_URL" not in environ:
        raise Failed("OS_AUTH_URL is not set: where is the provider's Keystone?")
    if own := environ.get("OS_APPLICATION_CREDENTIAL_ID"):
        secret = environ.get("OS_APPLICATION_CREDENTIAL_SECRET") or prompt("Application credential secret")
        method: dict[str, Any] = {"application_credential": {"id": own, "secret": secret}}
        return {"auth": {"identity": {"methods": list(method), **method}}}
    name = environ.get("OS_USERNAME")
    if not name:
        raise Failed("OS_USERNAME is not set, nor OS_TOKEN, nor OS_APPLICATION_CREDENTIAL_ID")
    password = environ.get("OS_PASSWORD") or prompt(f"Password of {name}")
    user = {"name": name, "domain": _domain(environ, "USER"), "password": password}
    project = {"name": environ.get("OS_PROJECT_NAME", "admin"), "domain": _domain(environ, "PROJECT")}
    identity = {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, "scope": {"project": project}}}


def _domain(environ: Mapping[str, str], whose: str) -> dict[str, str]:
    if name := environ.get(f"OS_{whose}_DOMAIN_NAME"):
        return {"name": name}
    return {"id": environ.get(f"OS_{whose}_DOMAIN_ID", "default")}
