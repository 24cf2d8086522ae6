"""What a handler sees and returns: `Call`, `Reply`, and the `Routes` in which each resource's file lists its own.

A handler is `async def name(call: Call) -> Reply`. It is registered with its policy rule; the service (`vregion.api.
service`) has authenticated the caller, checked the rule and opened the region before it runs.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request

from vregion.api.policy import Policy
from vregion.backends import Backends
from vregion.directory.directory import Directory
from vregion.identity.client import Identity
from vregion.model.caller import Caller
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid, TooLarge
from vregion.region.regions import Region, Regions
from vregion.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """What every handler may use; made once by `vregion.app`."""

    settings: Settings
    directory: Directory
    regions: Regions
    backends: Backends
    identity: Identity


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a known caller. `base` is the service's URL that links begin with, its version included."""

    caller: Caller
    region: Region
    use: Resources
    request: Request
    path: dict[str, str]
    microversion: Microversion
    base: str
    policy: Policy
    body_bytes: bytes = b""

    @property
    def query(self) -> QueryParams:
        """The query string; a key may come more than once."""
        return self.request.query_params

    @property
    def headers(self) -> Headers:
        """The request's headers."""
        return self.request.headers

    @property
    def project_id(self) -> str:
        """The project that the token is for."""
        return self.caller.project_id

    def enforce(self, rule: str) -> None:
        """A rule beside the route's own (an action's, a field's). Raises Forbidden."""
        self.policy.enforce(rule, self.caller)

    def json(self) -> Any:
        """The body, parsed. Raises Invalid."""
        try:
            return orjson.loads(self.body_bytes)
        except orjson.JSONDecodeError as broken:
            raise Invalid("Malformed request body") from broken


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `body`: bytes are sent as they are, an iterator is streamed, anything else becomes JSON."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `streams`: the body is read by the handler, chunk by chunk. `since`/`until`: microversions."""

    method: str
    path: str
    policy: str
    handler: Handler
    streams: bool = False
    since: Microversion | None = None
    until: Microversion | None = None


class Routes:
    """The routes of one resource: `routes = Routes()`, then `@routes.get("/servers/{id}", policy=...)`."""

    def __init__(self) -> None:
        self.all: list[Route] = []

    def add(
        self, method: str, path: str, policy: str, since: str = "", until: str = "", streams: bool = False
    ) -> Callable[[Handler], Handler]:
        """Register a handler; microversions outside [since, until] answer 404 as if the route did not exist."""

        def register(handler: Handler) -> Handler:
            window = (Microversion.parse(since), Microversion.parse(until))
            self.all.append(Route(method, path, policy, handler, streams, *window))
            return handler

        return register

    def get(self, path: str, policy: str, **more: Any) -> Callable[[Handler], Handler]:
        """A GET route (HEAD comes with it)."""
        return self.add("GET", path, policy, **more)

    def post(self, path: str, policy: str, **more: Any) -> Callable[[Handler], Handler]:
        """A POST route."""
        return self.add("POST", path, policy, **more)

    def put(self, path: str, policy: str, **more: Any) -> Callable[[Handler], Handler]:
        """A PUT route."""
        return self.add("PUT", path, policy, **more)

    def delete(self, path: str, policy: str, **more: Any) -> Callable[[Handler], Handler]:
        """A DELETE route."""
        return self.add("DELETE", path, policy, **more)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises TooLarge as soon as it is over the limit, whatever Content-Length said."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise TooLarge("Request is too large.")
    parts: list[bytes] = []
    size = 0
    async for chunk in body_chunks(request):
        size += len(chunk)
        if size > limit:
            raise TooLarge("Request is too large.")
        parts.append(chunk)
    return b"".join(parts)


async def body_chunks(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives; ends with the body, raises ClientDisconnect when the client goes away."""
    async for chunk in request.stream():
        if chunk:
            yield chunk
