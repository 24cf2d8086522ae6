"""Volume types: the list that a tenant may choose from, what a member sees of each, and which one is the default."""

import ast
from typing import Any

from vregion.api.block_storage import listing, short_lists
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage.types import BOOLEAN, true
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid, NotFound
from vregion.region import default_types, volume_types

routes = Routes()
_QOS = "volume_extension:access_types_qos_specs_id"
_ACCESS = "volume_extension:volume_type_access"
_EXTENDED = {_QOS: "qos_specs_id", _ACCESS: "os-volume-type-access:is_public"}  # each an extension's member
RULES = {_QOS: "admin", _ACCESS: "member"}
FILTERS = ("is_public", "extra_specs")
_FILTERED = Microversion(3, 52)
_COLUMNS = (
    "id", "name", "description", "is_public", "qos_specs_id", "created_at", "updated_at", "deleted", "deleted_at",
)  # fmt: skip
_SHORT = short_lists.Short("types", "volume_types", "volume_type_links", _COLUMNS)


@routes.get("/types", policy="volume_extension:type_get_all")
async def index(call: Call) -> Reply:
    """All zones' together; the extra spec RESKEY:availability_zones says where each one is."""
    found = volume_types.offered(await call.use.directory.bindings(call.region.id))
    strict = call.microversion >= _FILTERED and not call.caller.is_admin
    asked, unknown = short_lists.filters(call, FILTERS, strict=strict)
    public = asked_public(call)
    found = [one for one in found if public in (None, one["is_public"])]
    if "extra_specs" in asked and call.microversion >= _FILTERED:
        found = [one for one in found if _has(one["extra_specs"], asked["extra_specs"])]
    if call.caller.is_admin:  # he filters by all there is, and by what is not there: that no type has, in any order
        if listing.twice(call) or set(unknown) - set(_COLUMNS):
            return Reply({"volume_types": []})
        found = [one for one in found if all(one.get(name) == call.query[name] for name in unknown)]
    return short_lists.page(call, _SHORT, [_shown(call, one) for one in found])


@routes.get("/types/{type_id}", policy="volume_extension:type_get")
async def show(call: Call) -> Reply:
    """By id; `default` is Cinder's own word for the project's default type."""
    found = _shown(call, await _found(call))
    if call.path["type_id"] == volume_types.NAME:  # asked for by that word, Cinder's extension does not find it
        found.pop("os-volume-type-access:is_public", None)
    return Reply({"volume_type": found})


@routes.get("/types/{type_id}/extra_specs", policy="volume_extension:type_get")
async def extra_specs(call: Call) -> Reply:
    """Those that a tenant sees."""
    return Reply({"extra_specs": (await _found(call))["extra_specs"]})


@routes.get("/types/{type_id}/extra_specs/{key}", policy="volume_extension:types_extra_specs:show")
async def extra_spec(call: Call) -> Reply:
    """One of them."""
    specs, key = (await _found(call))["extra_specs"], call.path["key"]
    if key not in specs:
        raise NotFound(f"Volume Type {call.path['type_id']} has no extra specs with key {key}.")
    return Reply({key: specs[key]})


async def _found(call: Call) -> dict[str, Any]:
    asked, zones = call.path["type_id"], await call.use.directory.bindings(call.region.id)
    if asked == volume_types.NAME:
        async with call.region.read() as tx:
            kind = volume_types.known(zones, await default_types.of(tx, call.project_id))
        return kind or volume_types.find(zones, asked)
    return volume_types.find(zones, asked)


def _shown(call: Call, kind: dict[str, Any]) -> dict[str, Any]:
    """Which QoS a type has, only an admin sees; a reader not what an extension says of its access."""
    hidden = [name for rule, name in _EXTENDED.items() if not call.policy.check(rule, call.caller)]
    return {name: value for name, value in kind.items() if name not in hidden}


def asked_public(call: Call) -> bool | None:
    """Whether public or private types are asked for, None for both: an admin may ask, others are told of public ones.

    Cinder's `_parse_is_public` (29.0.0 api/api_utils.py). Raises Invalid.
    """
    text = listing.given(call, "is_public")
    if text is None or not call.caller.is_admin:
        return True
    if text.lower() == "none":
        return None
    if text.lower() not in BOOLEAN["enum"]:
        raise Invalid(f"Invalid is_public filter [{text}]")
    return true(text)


def _has(specs: dict[str, str], text: str) -> bool:
    """`text` is a Python dictionary; of the availability zones one is enough (cinder 29.0.0 db/api.py)."""
    try:
        wanted = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    if not isinstance(wanted, dict):
        return False
    zones = str(wanted.pop(volume_types.ZONES, ""))
    return zones in specs.get(volume_types.ZONES, "") and wanted.items() <= specs.items()
