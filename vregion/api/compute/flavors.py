"""Flavors: the provider's, as far as this virtual region has a zone for them. A tenant reads them and writes none: what
would write is refused by the table of operations.

`offered` is also what servers choose from. A private flavor is offered to the projects that have it (`flavor_access`),
and to the tenant's admin, of those that the provider gave to the tenant.
"""

from collections.abc import Container, Mapping
from typing import Any

from vregion.api.compute.links import asked, links, listed, next_page, page_size
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import flavors as schema
from vregion.directory.flavors import Flavor
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid, NotFound
from vregion.region import flavor_access, flavors

routes = Routes()
_SPECS = "os_compute_api:os-flavor-extra-specs"
RULES = {
    f"{_SPECS}:index": "reader",
    f"{_SPECS}:show": "reader",
    "os_compute_api:flavors": "any",
}
_READ = "os_compute_api:flavors"
# Nova's columns -> ours. Those that it sorts by and we have not are the same for every flavor.
_SORTED_BY = {"flavorid": "id", "memory_mb": "ram", "root_gb": "disk", "ephemeral_gb": "ephemeral"}
_FALSE = frozenset({"0", "f", "false", "off", "n", "no"})
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})


async def offered(call: Call) -> dict[str, Flavor]:
    """What this virtual region offers to the caller, the smallest first."""
    directory = call.use.directory
    bindings = await directory.bindings(call.caller.region_id)
    matches = [await directory.backend_flavors(binding.backend_id) for binding in bindings]
    region_id, is_admin = call.caller.region_id, call.caller.is_admin
    private = await (directory.private_flavors(region_id) if is_admin else _given(call))
    return flavors.offered(await directory.flavors(), matches, private)


async def find(call: Call) -> Flavor:
    """The one that the path names. Raises NotFound."""
    return flavors.get(await offered(call), call.path["id"])


async def _given(call: Call) -> frozenset[str]:
    """The private ones that the caller's project has; without a query while the tenant has none."""
    private = await call.use.directory.private_flavors(call.caller.region_id)
    if not private:
        return private
    async with call.region.read() as tx:
        return private & await flavor_access.flavors_of(tx, call.project_id)


@routes.get("/flavors", policy=_READ)
async def index(call: Call) -> Reply:
    """Names and links."""
    chosen = await _page(call)
    items = [_brief(call, flavor) for flavor in chosen]
    return Reply(listed(call, "flavors", items, next_page(call, "flavors", [flavor.id for flavor in chosen])))


@routes.get("/flavors/detail", policy=_READ)
async def detail(call: Call) -> Reply:
    """Everything."""
    chosen = await _page(call)
    items = [_document(call, flavor) for flavor in chosen]
    return Reply(listed(call, "flavors", items, next_page(call, "flavors/detail", [flavor.id for flavor in chosen])))


@routes.get("/flavors/{id}", policy=_READ)
async def show(call: Call) -> Reply:
    """One."""
    schema.SHOW.check(asked(call), call.microversion)
    return Reply({"flavor": _document(call, await find(call))})


@routes.get("/flavors/{id}/os-extra_specs", policy=f"{_SPECS}:index")
async def extra_specs(call: Call) -> Reply:
    """All extra specs of one."""
    schema.SHOW.check(asked(call), call.microversion)
    return Reply({"extra_specs": (await find(call)).extra_specs})


@routes.get("/flavors/{id}/os-extra_specs/{key}", policy=f"{_SPECS}:show")
async def extra_spec(call: Call) -> Reply:
    """One of them."""
    schema.SHOW.check(asked(call), call.microversion)
    specs, key = (await find(call)).extra_specs, call.path["key"]
    if key not in specs:
        raise NotFound(f"Flavor {call.path['id']} has no extra specs with key {key}.")
    return Reply({key: specs[key]})


async def _page(call: Call) -> list[Flavor]:
    schema.LIST.check(asked(call), call.microversion)
    there = await offered(call)
    found = _filtered(call, there, await _given(call) if call.caller.is_admin else there)
    key = call.query.get("sort_key", "flavorid")
    key = _SORTED_BY.get(key, key)
    found.sort(key=lambda flavor: (_rank(flavor, key), flavor.id), reverse=call.query.get("sort_dir") == "desc")
    if (marker := call.query.get("marker")) is not None:
        ids = [flavor.id for flavor in found]
        if marker not in ids:
            raise Invalid(f"marker [{marker}] not found")
        found = found[ids.index(marker) + 1 :]
    return found[: page_size(call)]


def _rank(flavor: Flavor, key: str) -> tuple[bool, Any]:
    """What is absent comes first, as in Nova's database."""
    value = getattr(flavor, key, None)
    return value is not None, value


def _filtered(call: Call, flavors: Mapping[str, Flavor], given: Container[str]) -> list[Flavor]:
    """What the project has by access (`given`) counts as public here (nova 34.0.0 objects/flavor.py)."""
    public = _is_public(call)
    least = {name: _number(call, name) for name in ("minRam", "minDisk")}
    name = call.query.get("name")
    return [
        flavor
        for flavor in flavors.values()
        if (public in (None, flavor.is_public) or (public and flavor.id in given))
        and flavor.ram >= least["minRam"]
        and flavor.disk >= least["minDisk"]
        and name in (None, flavor.name)
    ]


def _number(call: Call, name: str) -> int:
    try:
        return int(call.query.get(name, 0))
    except ValueError as wrong:
        raise Invalid(f"Invalid {name} filter [{call.query[name]}]") from wrong


def _is_public(call: Call) -> bool | None:
    """Nova reads it for admins only."""
    asked_for = call.query.get("is_public", "true")
    word = asked_for.strip().lower()
    if not call.caller.is_admin or word in _TRUE:
        return True
    if word in _FALSE:
        return False
    if word == "none":
        return None
    raise Invalid(f"Invalid is_public filter [{asked_for}]")


def _brief(call: Call, flavor: Flavor) -> dict[str, Any]:
    told: dict[str, Any] = {"id": flavor.id, "name": flavor.name, "links": links(call, "flavors", flavor.id)}
    if call.microversion >= Microversion(2, 55):
        told["description"] = flavor.description
    return told


def _document(call: Call, flavor: Flavor) -> dict[str, Any]:
    version = call.microversion
    told = _brief(call, flavor) | {
        "ram": flavor.ram,
        "disk": flavor.disk,
        "swap": flavor.swap or (0 if version >= Microversion(2, 75) else ""),
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral,
        "vcpus": flavor.vcpus,
        "os-flavor-access:is_public": flavor.is_public,
    }
    if version < Microversion(2, 102):
        told |= {"OS-FLV-DISABLED:disabled": False, "rxtx_factor": flavor.rxtx_factor or ""}
    if version >= Microversion(2, 61) and call.policy.check(f"{_SPECS}:index", call.caller):
        told["extra_specs"] = flavor.extra_specs
    return told
