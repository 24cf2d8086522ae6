"""The provider's REST API under /provider/v1: one route per operation, JSON in and out.

Mounted by `vregion.app`; documented in docs/reference/provider-cli.md. Each request is authorized first, its body
read within bounds and validated. An error is {"error": {"code", "message"}}. No answer and no log holds a credential;
the one secret that leaves is the password of a newly opened tenant's administrator, to him who opened the tenant.
"""

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import jsonschema_rs
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vregion.directory.flavors import Flavor
from vregion.directory.sealing import SealBroken
from vregion.directory.tenants import Tenant
from vregion.identity.client import IdentityRefused
from vregion.identity.tokens import IdentityUnavailable
from vregion.model.backend import Backend, Binding, Credential
from vregion.model.interconnect import Interconnect
from vregion.model.refusals import Invalid, NotFound, Refusal, TooLarge, Unavailable
from vregion.provider import backends, flavors, interconnects, schemas, servers, tenants, topology, zones
from vregion.provider.access import Authorize
from vregion.provider.backends import Found
from vregion.provider.interconnects import Found as InterconnectFound
from vregion.provider.provider import Provider
from vregion.provider.zones import Zone

PREFIX = "/provider/v1"
PAGE = 1000
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """One authorized request with a valid body."""

    provider: Provider
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: dict[str, Any]


Operation = Callable[[Asked], Awaitable[Any]]


def routes(provider: Provider, authorize: Authorize, max_body_bytes: int) -> list[Route]:
    """Every route of the API. `authorize` raises a Refusal for whoever is not the provider."""
    made = []
    for method, path, operation, schema, status in OPERATIONS:
        # Messages of the validator never show the value that is wrong: it may be a secret.
        validator = jsonschema_rs.validator_for(schema, mask="The value") if schema else None

        async def endpoint(
            request: Request, operation: Operation = operation, validator: Any = validator, status: int = status
        ) -> Response:
            try:
                await authorize(request)
                body = _valid(validator, await _read(request, max_body_bytes)) if validator else {}
                answer = await operation(Asked(provider, request.path_params, request.query_params, body))
            except Exception as failed:
                return _failure(failed)
            content = b"" if answer is None else orjson.dumps(answer)
            return Response(content, 204 if answer is None else status, media_type="application/json")

        made.append(Route(PREFIX + path, endpoint, methods=[method]))
    return [*made, Route(PREFIX + "/{rest:path}", _no_route, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]


async def _no_route(request: Request) -> Response:
    return _failure(NotFound(f"There is no {request.method} {request.url.path}."))


async def _read(request: Request, limit: int) -> Any:
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"The body is over {limit} bytes.")
        parts.append(chunk)
    try:
        return orjson.loads(b"".join(parts))
    except orjson.JSONDecodeError as broken:
        raise Invalid("The body is not JSON.") from broken


def _valid(validator: Any, body: Any) -> dict[str, Any]:
    for error in validator.iter_errors(body):
        where = ".".join(str(step) for step in error.instance_path)
        raise Invalid(f"{where}: {error.message}" if where else error.message)
    return dict(body)


def _failure(failed: Exception) -> Response:
    """The answer to a failure; what nobody foresaw is logged, and told to the caller by its kind only."""
    match failed:
        case Refusal():
            code, message = failed.code, failed.message
        case IdentityUnavailable():
            code, message = Unavailable.status, f"Keystone does not answer: {failed}"
        case IdentityRefused():
            code, message = Invalid.status, f"Keystone refuses: {failed}"
        case SealBroken():
            code, message = 500, str(failed)
        case _:
            log.exception("a provider operation failed", exc_info=failed)
            code, message = 500, f"unexpected: {type(failed).__name__}"
    content = orjson.dumps({"error": {"code": code, "message": message}})
    return Response(content, code, media_type="application/json")


async def add_backend(asked: Asked) -> Any:
    body = asked.body
    region_name, options = body.get("region_name", ""), body.get("options", {})
    backend = Backend(str(uuid.uuid4()), body["name"], body["driver"], body["address"], region_name, options)
    return _backend(await backends.add(asked.provider, backend, Credential(body["credential"])))


async def list_backends(asked: Asked) -> Any:
    return {"backends": [_backend(found) for found in await backends.all_found(asked.provider)]}


async def show_backend(asked: Asked) -> Any:
    return _backend(await backends.show(asked.provider, asked.path["name"]))


async def check_backend(asked: Asked) -> Any:
    return _backend(await backends.check(asked.provider, asked.path["name"]))


async def remove_backend(asked: Asked) -> None:
    await backends.remove(asked.provider, asked.path["name"])


async def open_tenant(asked: Asked) -> Any:
    wanted = [_zone_of(zone, zone["availability_zone"]) for zone in asked.body.get("zones", ())]
    given = asked.body.get("admin_password")
    opened = await tenants.open_(asked.provider, asked.body["name"], given, wanted)
    answer = _tenant(opened.tenant) | {
        "project_id": opened.project_id,
        "admin_id": opened.admin_id,
        "zones": await _zones(asked.provider, opened.zones),
    }
    return answer if given else answer | {"admin_password": opened.password}


async def list_tenants(asked: Asked) -> Any:
    try:
        limit = min(max(int(asked.query.get("limit", PAGE)), 1), PAGE)
    except ValueError:
        raise Invalid("limit: it is not a whole number.") from None
    page = await tenants.page(asked.provider, asked.query.get("marker", ""), limit)
    return {"tenants": [_tenant(tenant) for tenant in page]}


async def show_tenant(asked: Asked) -> Any:
    tenant = await asked.provider.tenant(asked.path["name"])
    return _tenant(tenant) | await list_zones(asked)


async def show_topology(asked: Asked) -> Any:
    return await topology.show(asked.provider, asked.path["name"])


async def show_server(asked: Asked) -> Any:
    return await servers.show(asked.provider, asked.path["name"], asked.path["id"])


async def tenant_limits(asked: Asked) -> Any:
    return await tenants.limits(asked.provider, asked.path["name"], asked.query.get("project_id", ""), asked.body)


async def close_tenant(asked: Asked) -> None:
    await tenants.close(asked.provider, asked.path["name"])


async def list_zones(asked: Asked) -> Any:
    return {"zones": await _zones(asked.provider, await zones.all_of(asked.provider, asked.path["name"]))}


async def bind_zone(asked: Asked) -> Any:
    zone = asked.path["zone"]
    if not jsonschema_rs.is_valid(schemas.NAME, zone):
        raise Invalid("zone: letters, digits, '.', '_' and '-' only, 64 at most.")
    bound = await zones.bind(asked.provider, asked.path["name"], _zone_of(asked.body, zone))
    return (await _zones(asked.provider, (bound,)))[0]


async def drain_zone(asked: Asked) -> Any:
    drained = await zones.drain(asked.provider, asked.path["name"], asked.path["zone"])
    return (await _zones(asked.provider, (drained,)))[0]


async def unbind_zone(asked: Asked) -> None:
    await zones.unbind(asked.provider, asked.path["name"], asked.path["zone"])


async def add_interconnect(asked: Asked) -> Any:
    body = asked.body
    members = {member["backend"]: member["physical_network"] for member in body["members"]}
    if len(members) < len(body["members"]):
        raise Invalid("members: a backend is named twice.")
    first, last = body["segments"]["first"], body["segments"]["last"]
    more = (body.get("mtu", 1500), body.get("transit_prefix", "100.64.0.0/16"))
    wanted = Interconnect(body["name"], body.get("kind", "vlan"), members, first, last, *more)
    return await _interconnect(asked.provider, await interconnects.add(asked.provider, wanted))


async def list_interconnects(asked: Asked) -> Any:
    found = await interconnects.all_found(asked.provider)
    return {"interconnects": [await _interconnect(asked.provider, one) for one in found]}


async def show_interconnect(asked: Asked) -> Any:
    found, segments = await interconnects.show(asked.provider, asked.path["name"])
    carries = await interconnects.owners(asked.provider, segments)
    return await _interconnect(asked.provider, found) | {"carries": carries}


async def remove_interconnect(asked: Asked) -> None:
    await interconnects.remove(asked.provider, asked.path["name"])


async def add_flavor(asked: Asked) -> Any:
    return asdict(await flavors.add(asked.provider, Flavor(**{"id": str(uuid.uuid4())} | asked.body)))


async def list_flavors(asked: Asked) -> Any:
    lacking: dict[str, dict[str, str]] = {}
    known = await asked.provider.directory.backends()
    for backend_id, reasons in (await flavors.lacks(asked.provider)).items():
        for flavor, reason in reasons.items():
            lacking.setdefault(flavor, {})[known[backend_id].name] = reason
    whose = await flavors.whose(asked.provider)
    return {
        "flavors": [
            asdict(flavor) | {"lacking": lacking.get(flavor.name, {}), "tenants": whose.get(flavor.id, [])}
            for flavor in (await asked.provider.directory.flavors()).values()
        ]
    }


async def give_flavor(asked: Asked) -> None:
    await flavors.give(asked.provider, asked.path["id"], asked.path["name"])


async def take_flavor(asked: Asked) -> None:
    await flavors.take(asked.provider, asked.path["id"], asked.path["name"])


async def remove_flavor(asked: Asked) -> None:
    await flavors.remove(asked.provider, asked.path["id"])


def _zone_of(body: dict[str, Any], name: str) -> Zone:
    credential = Credential(body["credential"]) if "credential" in body else None
    return Zone(name, body["backend"], credential, body.get("default", False))


def _backend(found: Found) -> dict[str, Any]:
    state = {"state": found.checked.state, "checked_at": found.checked.checked_at}
    return asdict(found.checked.backend) | state | {"report": found.checked.report, "lacking_flavors": found.lacks}


async def _interconnect(provider: Provider, found: InterconnectFound) -> dict[str, Any]:
    one, known = found.interconnect, await provider.directory.backends()
    return {
        "name": one.name,
        "kind": one.kind,
        "members": [{"backend": known[i].name, "physical_network": n} for i, n in one.members.items()],
        "segments": {"first": one.first_segment, "last": one.last_segment, "used": found.used},
        "mtu": one.mtu,
        "transit_prefix": one.transit_prefix,
    }


def _tenant(tenant: Tenant) -> dict[str, Any]:
    return asdict(tenant)


async def _zones(provider: Provider, bound: tuple[Binding, ...]) -> list[dict[str, Any]]:
    known = await provider.directory.backends()
    return [
        {
            "availability_zone": binding.availability_zone,
            "backend": known[binding.backend_id].name,
            "state": binding.state,
            "default": binding.default,
            "binding_id": binding.id,
        }
        for binding in bound
    ]


OPERATIONS: tuple[tuple[str, str, Operation, dict[str, Any] | None, int], ...] = (
    ("POST", "/backends", add_backend, schemas.BACKEND, 201),
    ("GET", "/backends", list_backends, None, 200),
    ("GET", "/backends/{name}", show_backend, None, 200),
    ("POST", "/backends/{name}/check", check_backend, None, 200),
    ("DELETE", "/backends/{name}", remove_backend, None, 204),
    ("POST", "/tenants", open_tenant, schemas.TENANT, 201),
    ("GET", "/tenants", list_tenants, None, 200),
    ("GET", "/tenants/{name}", show_tenant, None, 200),
    ("DELETE", "/tenants/{name}", close_tenant, None, 204),
    ("GET", "/tenants/{name}/topology", show_topology, None, 200),
    ("GET", "/tenants/{name}/servers/{id}", show_server, None, 200),
    ("GET", "/tenants/{name}/limits", tenant_limits, None, 200),
    ("PUT", "/tenants/{name}/limits", tenant_limits, schemas.LIMITS, 200),
    ("GET", "/tenants/{name}/zones", list_zones, None, 200),
    ("PUT", "/tenants/{name}/zones/{zone}", bind_zone, schemas.ZONE, 200),
    ("POST", "/tenants/{name}/zones/{zone}/drain", drain_zone, None, 200),
    ("DELETE", "/tenants/{name}/zones/{zone}", unbind_zone, None, 204),
    ("POST", "/interconnects", add_interconnect, schemas.INTERCONNECT, 201),
    ("GET", "/interconnects", list_interconnects, None, 200),
    ("GET", "/interconnects/{name}", show_interconnect, None, 200),
    ("DELETE", "/interconnects/{name}", remove_interconnect, None, 204),
    ("POST", "/flavors", add_flavor, schemas.FLAVOR, 201),
    ("GET", "/flavors", list_flavors, None, 200),
    ("DELETE", "/flavors/{id}", remove_flavor, None, 204),
    ("PUT", "/tenants/{name}/flavors/{id}", give_flavor, None, 204),
    ("DELETE", "/tenants/{name}/flavors/{id}", take_flavor, None, 204),
)
