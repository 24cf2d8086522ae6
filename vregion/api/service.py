"""One OpenStack service as an ASGI application: routing, authentication, policy, microversion, faults, in that order.

Each folder beside this file makes one `Service`. `vregion.app` mounts them. This is the only place of the API where a
refusal, or a bug, becomes an answer.
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from prometheus_client import Histogram
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from vregion.api import faults
from vregion.api.http import Call, Reply, Resources, Route, read_body
from vregion.api.policy import Policy
from vregion.model.caller import Caller
from vregion.model.microversion import Microversion
from vregion.model.refusals import MALFORMED, NotFound, Refusal, Unauthenticated

log = logging.getLogger(__name__)
SECONDS = Histogram("vregion_api_seconds", "Time until the answer began", ["service", "method", "path", "status"])

# Nova and Cinder route by method: a wrong one is an unknown path. Neutron and Glance know the path. (Seen on 2026.2.)
HIDES_METHODS = frozenset({"compute", "block-storage"})
WRONG_METHOD = "The method specified is not allowed for this resource."
Authenticate = Callable[[Request, str], Awaitable[Caller]]


class MethodNotAllowed(Refusal):
    """405: the path exists, the method does not."""

    status = 405


@dataclass(frozen=True, slots=True)
class Versions:
    """How a service negotiates: the window it offers and the header that asks, e.g. 'compute' 2.1..2.104.

    `service_type` None: the service has no microversions. `legacy_header` is Nova's older one. `insists`: a header that
    names other services alone is refused (cinder 29.0.0 api/openstack/wsgi.py set_api_version_request).
    """

    service_type: str | None = None
    oldest: Microversion = field(default=Microversion(2, 0))
    newest: Microversion = field(default=Microversion(2, 0))
    legacy_header: str | None = None
    insists: bool = False

    def requested(self, request: Request, newest: Microversion) -> Microversion:
        """What the request asks for; the oldest when it does not ask. Raises Refusal (400 or 406) as Nova does."""
        if self.service_type is None:
            return self.newest
        asked = None
        for item in request.headers.get("openstack-api-version", "").split(","):
            name, _, version = item.strip().partition(" ")
            if name.lower() == self.service_type and version:
                asked = version.strip()
        if asked is None and self.legacy_header is not None:
            asked = request.headers.get(self.legacy_header)
        if asked is None and self.insists and "openstack-api-version" in request.headers:
            raise Refusal(MALFORMED)
        if asked is None:
            return self.oldest
        if asked == "latest":
            return newest
        found = Microversion.parse(asked)
        if found is None:
            raise Refusal(f"API Version String {asked} is of invalid format. Must be of format MajorNum.MinorNum.")
        if not self.oldest <= found <= newest:
            message = f"Version {found} is not supported by the API. Minimum is {self.oldest} and maximum is {newest}."
            raise Refusal(message, status=406)
        return found

    def headers(self, used: Microversion) -> dict[str, str]:
        """What the answer says about the version."""
        if self.service_type is None:
            return {}
        told = {"OpenStack-API-Version": f"{self.service_type} {used}", "Vary": "OpenStack-API-Version"}
        if self.legacy_header is not None:
            told[self.legacy_header] = str(used)
            told["Vary"] = f"OpenStack-API-Version, {self.legacy_header}"
        return told


class Table:
    """Path -> method -> routes. Literal segments win over {names}."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root: dict[str, Any] = {}
        for route in routes:
            node: dict[Any, Any] = self._root
            for segment in route.path.strip("/").split("/"):
                name = segment[1:-1] if segment.startswith("{") else None
                node = node.setdefault("{}" if name else segment, {})
                if name:
                    node.setdefault(None, name)
            node.setdefault(("methods",), {}).setdefault(route.method, []).append(route)

    def find(self, path: str) -> tuple[dict[str, list[Route]], dict[str, str]]:
        """The routes of a path by method, and the path's values. Raises NotFound."""
        found = self._walk(self._root, path.strip("/").split("/"))
        if found is None:
            raise NotFound("The resource could not be found.")
        return found

    def _walk(self, node: dict[Any, Any], left: list[str]) -> tuple[dict[str, list[Route]], dict[str, str]] | None:
        if not left:
            methods = node.get(("methods",))
            return (methods, {}) if methods else None
        if left[0] in node and left[0] != "{}":
            found = self._walk(node[left[0]], left[1:])
            if found is not None:
                return found
        if "{}" in node and left[0]:
            child = node["{}"]
            found = self._walk(child, left[1:])
            if found is not None:
                found[1][child[None]] = left[0]
            return found
        return None


@dataclass(slots=True)
class Service:
    """`prefix` is the version part of the path ('/v2.1'), `legacy` an older one for the same routes.

    `documents` answers version discovery without a token.
    """

    name: str
    prefix: str
    routes: Iterable[Route]
    versions: Versions
    fault: faults.Fault
    use: Resources
    policy: Policy
    authenticate: Authenticate
    documents: Callable[[str, str, Microversion], Reply | None]
    legacy: str = ""
    _table: Table = field(init=False)
    _root: str = field(init=False)

    def __post_init__(self) -> None:
        self._table = Table(self.routes)
        self._root = f"{self.use.settings.public_url}/{self.name}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: one request."""
        request = Request(scope, receive, send)
        began = time.perf_counter()
        request_id = _request_id()
        route: Route | None = None
        told = {"X-Openstack-Request-Id": request_id, "X-Compute-Request-Id": request_id}
        if self.name != "compute":
            del told["X-Compute-Request-Id"]
        try:
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            reply = self.documents(path, self._root, await self._newest(None))
            if reply is None:
                route, call = await self._admit(request, path, request_id, told)
                reply = await route.handler(call)
        except Refusal as refusal:
            reply = self._refuse(refusal, request)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("%s %s %s", request_id, request.method, scope["path"])
            words = "Unexpected API Error. The provider finds it in his log by the request id."
            reply = self._refuse(Refusal(words, status=500, reason="HTTPInternalServerError"), request)
        seconds = time.perf_counter() - began
        SECONDS.labels(self.name, request.method, route.path if route else "", reply.status).observe(seconds)
        await _response(reply, told)(scope, receive, send)

    async def _admit(self, request: Request, path: str, request_id: str, told: dict[str, str]) -> tuple[Route, Call]:
        """From the bare request to the route and what its handler gets; every refusal happens here."""
        caller = await self.authenticate(request, request_id)
        newest = await self._newest(caller.region_id)
        version = self.versions.oldest if self._is_legacy(path) else self.versions.requested(request, newest)
        told.update(self.versions.headers(version))
        prefix = self.legacy if self._is_legacy(path) else self.prefix
        if not f"{path}/".startswith(f"{prefix}/"):
            raise NotFound("The resource could not be found.")
        path = _without_project(path.removeprefix(prefix), caller)
        if path.endswith("/") and self.name != "network":  # an id that is missing; only Neutron passes over it
            raise NotFound("The resource could not be found.")
        methods, values = self._table.find(path)
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            raise (NotFound if self.name in HIDES_METHODS else MethodNotAllowed)(WRONG_METHOD)
        route = _in_window(methods[method], version)
        self.policy.enforce(route.policy, caller)
        body = b"" if route.streams else await read_body(request, self.use.settings.max_body_bytes)
        region = await self.use.regions.open(caller.region_id)
        base = self._root + self.prefix
        return route, Call(caller, region, self.use, request, values, version, base, self.policy, body)

    async def _newest(self, region_id: str | None) -> Microversion:
        """The newest that a backend of the region has, as far as we know it ourselves; None: of all the provider's."""
        service = self.versions.service_type
        known = await self.use.directory.newest(service, region_id) if service else None
        return min(known or self.versions.newest, self.versions.newest)

    def _is_legacy(self, path: str) -> bool:
        return bool(self.legacy) and f"{path}/".startswith(f"{self.legacy}/")

    def _refuse(self, refusal: Refusal, request: Request) -> Reply:
        if isinstance(refusal, Unauthenticated):
            challenge = {"WWW-Authenticate": f'Keystone uri="{self.use.settings.keystone_url}"'}
            return Reply(faults.unauthenticated(refusal), 401, challenge)
        body, content_type = self.fault(refusal, request.headers.get("accept", ""))
        return Reply(body, refusal.code, faults.headers(body), content_type)


def _without_project(path: str, caller: Caller) -> str:
    """Nova's and Cinder's paths may begin with the project; another one than the token's is a malformed URL."""
    first, _, rest = path.removeprefix("/").partition("/")
    if first == caller.project_id:
        return "/" + rest
    if rest and _is_project(first):
        raise Refusal("Malformed request url", status=400)
    return path


def _is_project(segment: str) -> bool:
    return len(segment) == 32 and all(c in "0123456789abcdef" for c in segment)


def _in_window(routes: list[Route], version: Microversion) -> Route:
    for route in routes:
        if (route.since is None or version >= route.since) and (route.until is None or version <= route.until):
            return route
    raise NotFound("The resource could not be found.")


def _request_id() -> str:
    return f"req-{UUID(bytes=secrets.token_bytes(16), version=4)}"


def _response(reply: Reply, told: dict[str, str]) -> Response:
    headers = told | reply.headers
    if reply.body is None:
        return Response(None, reply.status, headers)
    if isinstance(reply.body, bytes):
        return Response(reply.body, reply.status, headers, media_type=reply.content_type)
    if hasattr(reply.body, "__aiter__"):
        return StreamingResponse(reply.body, reply.status, headers, media_type=reply.content_type)
    return Response(orjson.dumps(reply.body), reply.status, headers, media_type=reply.content_type)
