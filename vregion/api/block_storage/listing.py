"""The query string of Cinder's lists: paging, order, filters, and the link to the next page.

Used by the volumes, the snapshots and the other lists of rows, and in parts by `short_lists`.
The words of the refusals are Cinder's (cinder 29.0.0 api/common.py).
"""

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from vregion.api.http import Call
from vregion.api.schemas.block_storage.types import BOOLEAN, true
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import resources, volume_copies, volumes
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

LONGEST_PAGE = 1000
PAGED = ("limit", "marker", "offset", "sort", "sort_key", "sort_dir")
_COUNTED = (Microversion(3, 45), (Kind.VOLUME, Kind.SNAPSHOT, Kind.BACKUP))
STRICT = Microversion(3, 31)
_BOOLEANS = Microversion(3, 2)
_NEWEST = ("created_at", "desc")
_QUOTA = Microversion(3, 65)
_NOTHING = Filter("id", [], "in")
_UNKNOWN = replace(_NOTHING)  # told from other filters that nothing passes
_NEVER = Microversion(3, 0)
_OPERATORS = {"gt": "gt", "gte": "ge", "eq": "eq", "neq": "ne", "lt": "lt", "lte": "le"}


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list may be filtered and sorted by: wire name -> field of the rows. `number` fields hold integers.

    `filters` are everybody's, as Cinder's own resource_filters.json has them (29.0.0); `more` are the tenant's admin's.
    `unknown` are Cinder's words for a marker that is. Below the microversion `lenient` an unknown filter finds
    nothing, as it does for an admin; elsewhere it is passed over before 3.31 and refused from there on. Of one
    that is `of_all` an admin sees all projects' unasked. `since`: the microversion from which a key sorts.
    """

    kind: Kind
    filters: dict[str, str]
    sort: dict[str, str]
    more: dict[str, str] = field(default_factory=dict)
    numbers: tuple[str, ...] = ("size",)
    unknown: str = ""
    order: tuple[str, str] = _NEWEST
    lenient: Microversion = _NEVER
    ignored: tuple[str, ...] = ()
    of_all: bool = False
    since: Mapping[str, Microversion] = field(default_factory=dict)


_OWN = {"id": "id", "display_name": "name", "user_id": "user_id"}
VOLUMES = Listing(
    Kind.VOLUME,
    {
        "name": "name",
        "status": "status",
        "metadata": f"spec.{volumes.METADATA_TEXT}",
        "bootable": "spec.bootable",
        "migration_status": "",
        "availability_zone": "availability_zone",
        "group_id": "spec.group_id",
        "size": "spec.size",
        "created_at": "created_at",
        "updated_at": "updated_at",
        "consumes_quota": "",
    },
    {
        "id": "id",
        "status": "status",
        "size": "spec.size",
        "availability_zone": "availability_zone",
        "bootable": "spec.bootable",
        "name": "name",
        "display_name": "name",
        "created_at": "created_at",
        "updated_at": "updated_at",
    },
    _OWN,
)
SNAPSHOTS = Listing(
    Kind.SNAPSHOT,
    {
        "name": "name",
        "status": "status",
        "volume_id": "parent_id",
        "metadata": f"spec.{volumes.METADATA_TEXT}",
        "availability_zone": "availability_zone",
        "consumes_quota": "",
    },
    {
        "id": "id",
        "status": "status",
        "volume_size": "spec.size",
        "name": "name",
        "display_name": "name",
        "volume_id": "parent_id",
        "created_at": "created_at",
        "updated_at": "updated_at",
    },
    _OWN,
    since={"name": Microversion(3, 30)},
)
TRANSFERS = Listing(
    Kind.TRANSFER,
    {"name": "name", "display_name": "name", "volume_id": "parent_id", "id": "id"},
    {"display_name": "name", "volume_id": "parent_id", **{key: key for key in ("id", "created_at", "updated_at")}},
    order=("created_at", "asc"),
    lenient=Microversion(4, 0),
)
GROUPS = Listing(
    Kind.GROUP,
    {"name": "name"},
    {"id": "id", "name": "name", "status": "status", "group_type": "spec.group_type", "created_at": "created_at"},
    {
        "status": "status",
        "id": "id",
        "availability_zone": "availability_zone",
        "group_type_id": "spec.group_type",
    },
    lenient=STRICT,
    ignored=("list_volume",),
)
GROUP_SNAPSHOTS = Listing(
    Kind.GROUP_SNAPSHOT,
    {"name": "name", "status": "status", "group_id": "parent_id"},
    {"id": "id", "name": "name", "status": "status", "group_id": "parent_id", "created_at": "created_at"},
    {"id": "id"},
    unknown="GroupSnapshot {} could not be found.",
    lenient=STRICT,
)
BACKUPS = Listing(
    Kind.BACKUP,
    {"name": "name", "status": "status", "volume_id": "spec.volume_id"},
    {
        "id": "id",
        "name": "name",
        "display_name": "name",
        "status": "status",
        "volume_id": "spec.volume_id",
        "created_at": "created_at",
        "updated_at": "updated_at",
    },
    {**_OWN, "snapshot_id": "spec.snapshot_id", "availability_zone": "availability_zone", "size": "spec.size"},
    since={"name": Microversion(3, 37)},
)
ATTACHMENTS = Listing(
    Kind.ATTACHMENT,
    {"volume_id": "parent_id", "status": "status", "instance_id": "spec.instance", "attach_status": "status"},
    {"id": "id", "volume_id": "parent_id", "attach_status": "status", "created_at": "created_at"},
    unknown="Volume attachment could not be found with filter: attachment_id = {}.",
)
_OF_MESSAGES = ("resource_uuid", "resource_type", "event_id", "request_id", "message_level")
_MORE_OF_MESSAGES = {"action_id": "spec.action_id", "detail_id": "spec.detail_id"}
MESSAGES = Listing(
    Kind.MESSAGE,
    {name: f"spec.{name}" for name in _OF_MESSAGES},
    {name: f"spec.{name}" for name in _OF_MESSAGES}
    | _MORE_OF_MESSAGES
    | {name: name for name in ("id", "project_id", "created_at", "updated_at")}
    | {"expires_at": "updated_at"},
    {"id": "id"} | _MORE_OF_MESSAGES,
    lenient=STRICT,
    of_all=True,
)
ALL = (VOLUMES, BACKUPS, SNAPSHOTS, GROUPS, GROUP_SNAPSHOTS, ATTACHMENTS, MESSAGES)


async def page(
    tx: Transaction, call: Call, listing: Listing, kept: Sequence[Filter] = ()
) -> tuple[list[Resource], dict[str, Any], int]:
    """One page of the caller's rows that are `kept`, how many on request (3.45), and the limit of the page."""
    query, size, offset = await _query(tx, call, listing, kept)
    found = (await resources.list_resources(tx, query))[offset:] if size else []
    return found, await _count(tx, call, query), size


async def full(tx: Transaction, call: Call, listing: Listing, noun: str) -> tuple[list[bytes], dict[str, Any]]:
    """The documents of a page, and what stands beside them: how many there are, and where the next page is."""
    query, size, offset = await _query(tx, call, listing)
    rows = (await resources.list_fields(tx, query, "id", "document"))[offset:] if size else []
    links = next_page(call, f"{noun}/detail", [str(row[0]) for row in rows], size)
    return [row[1] for row in rows], await _count(tx, call, query) | ({f"{noun}_links": links} if links else {})


async def check(tx: Transaction, call: Call, listing: Listing) -> None:
    """For a list that has nothing: what is asked for is looked at all the same. Raises Invalid, or NotFound."""
    await _query(tx, call, listing)


async def _query(tx: Transaction, call: Call, listing: Listing, kept: Sequence[Filter] = ()) -> tuple[Query, int, int]:
    """What is asked for, how many of it a page has, and how many are passed over. Raises NotFound for the marker."""
    size, offset = paging(call)
    if listing.kind is Kind.VOLUME:
        check_all_tenants(call)
    found, project_id = _filters(call, listing), scope(call, of_all=listing.of_all)
    if any(one is _UNKNOWN for one in found):  # before marker and order (29.0.0 db/api.py _generate_paginate_query)
        return Query(listing.kind, project_id, [_UNKNOWN]), size, offset
    marker = given(call, "marker")
    if marker is not None and await resources.find(tx, listing.kind, marker, project_id) is None:
        words = listing.unknown or f"{listing.kind.value.capitalize()} {{}} could not be found."
        raise NotFound(words.format(marker))
    tenants = () if project_id == call.project_id else (Filter("project_id", volume_copies.PROJECT, "ne"),)
    filters = [*tenants, *kept, *found]
    return Query(listing.kind, project_id, filters, _sort(call, listing), size + offset, marker), size, offset


async def _count(tx: Transaction, call: Call, query: Query) -> dict[str, int]:
    return {"count": await resources.count(tx, replace(query, marker=None, limit=None))} if _counted(call) else {}


def check_all_tenants(call: Call) -> None:
    """Of volumes, an admin has to write it well; said twice it is not looked at. Raises Invalid (cinder 29.0.0
    volume/api.py get_all).
    """
    if call.caller.is_admin and len(call.query.getlist("all_tenants")) == 1:
        truth(call, "all_tenants")


def scope(call: Call, *, of_all: bool = False) -> str | None:
    """Whose rows a list shows: all of the tenant's when his admin asks for `all_tenants`, or one named project's."""
    if not (call.caller.is_admin and (of_all or true(call.query.get("all_tenants", "")))):
        return call.project_id
    return call.query.get("project_id")


def whose(call: Call) -> str | None:
    """Whose things a caller may name by their ids: his project's; the tenant's admin those of all its projects."""
    return None if call.caller.is_admin else call.project_id


def paging(call: Call) -> tuple[int, int]:
    """How many a page has at most, and how many are passed over. Raises Invalid."""
    limit, offset = _number(call, "limit"), _number(call, "offset") or 0
    return LONGEST_PAGE if limit is None else min(limit, LONGEST_PAGE), offset


def next_page(call: Call, path: str, found: Sequence[Resource | str], size: int) -> list[dict[str, str]]:
    """The link behind a full page, else nothing."""
    if not found or len(found) < size:
        return []
    asked = {name: value for name, value in call.query.multi_items() if name not in ("marker", "offset")}
    last = found[-1]
    query = urlencode({**asked, "marker": last if isinstance(last, str) else last.id})
    return [{"rel": "next", "href": f"{call.base}/{call.project_id}/{path}?{query}"}]


def _counted(call: Call) -> bool:
    return call.microversion >= _COUNTED[0] and truth(call, "with_count")


def truth(call: Call, name: str) -> bool:
    """A parameter that is yes or no; no without it. Raises Invalid (cinder 29.0.0 utils.py get_bool_param)."""
    text = call.query.get(name)
    if text is None:
        return False
    if text.lower() not in BOOLEAN["enum"]:
        raise Invalid(f"Value '{text}' for '{name}' is not a boolean.")
    return true(text)


def given(call: Call, name: str) -> str | None:
    """The first of the values of a parameter; Cinder takes the others for filters (api/common.py pops one)."""
    return next(iter(call.query.getlist(name)), None)


def again(call: Call, *ignored: str) -> list[str]:
    """The names of paging, and what is ignored, that are there once more, each as often; an admin may filter by all."""
    once = () if call.caller.is_admin else (*PAGED, "all_tenants", *ignored)
    times = Counter(name for name, _ in call.query.multi_items() if name in once)
    return list((times - Counter(set(times))).elements())


def twice(call: Call) -> bool:
    """Whether something of paging is said twice: who may filter by anything filters by what no row has then (29.0.0
    api/common.py get_sort_params takes the first one out of the query).
    """
    times = Counter(name for name, _ in call.query.multi_items() if name in PAGED)
    return any(number > 1 for number in times.values())


def _number(call: Call, name: str) -> int | None:
    text = given(call, name)
    if text is None:
        return None
    param, least = ("limit param", "positive") if name == "limit" else (name, ">= 0")
    if not text.removeprefix("-").isdecimal():
        raise Invalid(f"{param} must be an integer")
    if int(text) < 0:
        raise Invalid(f"{param} must be {least}")
    if name == "offset" and int(text) > 0x7FFFFFFF:
        raise Invalid("offset must be <= 2147483647")
    return int(text)


def _filters(call: Call, listing: Listing) -> list[Filter]:
    lenient = _lenient(call, listing)
    found = [_UNKNOWN] if lenient and twice(call) else []
    unknown = []
    for name, value in call.query.multi_items():
        if name in PAGED or name in listing.ignored or _means_more(call, listing, name):
            continue
        if name in _fields(call, listing):
            found += _filter(call, listing, name, value)
        elif lenient:
            found.append(_UNKNOWN)
        else:
            unknown.append(name)
    if call.microversion >= STRICT and not lenient:
        counted = ("with_count",) if _means_more(call, listing, "with_count") else ()
        refuse(again(call, *listing.ignored, *counted) + unknown)
    return found


def _means_more(call: Call, listing: Listing, name: str) -> bool:
    """Whether a parameter is no filter: it says whose rows, or that they are counted."""
    since, kinds = _COUNTED
    if name == "with_count":
        return listing.kind in kinds and call.microversion >= since
    return name == "all_tenants" or (name == "project_id" and call.caller.is_admin)


def _fields(call: Call, listing: Listing) -> dict[str, str]:
    """What this caller may filter by at this microversion."""
    return listing.filters | (listing.more if _lenient(call, listing) else {})


def _lenient(call: Call, listing: Listing) -> bool:
    return call.caller.is_admin or call.microversion < listing.lenient


def _filter(call: Call, listing: Listing, name: str, value: str) -> list[Filter]:
    field = _fields(call, listing)[name]
    if field == f"spec.{volumes.METADATA_TEXT}":
        items = _dictionary(value)
        return [Filter(field, volumes.metadata_text({k: v}), "contains") for k, v in items.items()] or [_NOTHING]
    if name in ("created_at", "updated_at"):
        return _times(field, value) if call.microversion >= STRICT else []
    if name == "bootable":
        return [Filter(field, str(_boolean(call, name, value)).lower())]
    if name == "consumes_quota":  # all that there is
        return [] if call.microversion < _QUOTA or _boolean(call, name, value) else [_NOTHING]
    if name == "migration_status":  # nothing is ever migrated
        return [] if value == "None" else [_NOTHING]
    if name in listing.numbers:
        return [Filter(field, int(value)) if value.isdecimal() else _NOTHING]
    return [Filter(field, value)]


def refuse(unknown: Sequence[str]) -> None:
    """Raises Invalid if there are filters that are unknown."""
    if unknown:
        raise Invalid(f"Invalid filters {','.join(unknown)} are found in query options.")


def _boolean(call: Call, name: str, text: str) -> bool:
    """Before 3.2 all is true that is not false (cinder 29.0.0 volume/api.py _check_boolean_filter_value)."""
    if call.microversion < _BOOLEANS:
        return text not in ("", "False", "false", "FALSE")
    asked = text.strip().lower()
    if asked not in BOOLEAN["enum"]:
        raise Invalid(f"Invalid input received: '{name} = {text}'")
    return true(asked)


def _times(field: str, text: str) -> list[Filter]:
    """`gt:TIME,lt:TIME` (cinder 29.0.0 api/v3/volumes.py _handle_time_comparison_filters).

    Meant for 3.60 and later, but from 3.31 on Cinder drops no filter that is too new (its common.py
    process_general_filtering).
    """
    found = []
    for part in text.split(","):
        operator, colon, time = part.partition(":")
        if operator not in _OPERATORS:
            raise Invalid(f"Invalid {operator} operator")
        try:
            at = datetime.fromisoformat(time)
        except ValueError:
            raise Invalid(f"Invalid {time if colon else field} value") from None
        found.append(Filter(field, at if at.tzinfo else at.replace(tzinfo=UTC), _OPERATORS[operator]))
    return found


def _dictionary(text: str) -> dict[str, str]:
    """A Python dictionary, as Cinder takes it; what is none matches nothing."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _sort(call: Call, listing: Listing) -> list[tuple[str, bool]]:
    unknown = {key for key, since in listing.since.items() if call.microversion < since}
    known = {key: name for key, name in listing.sort.items() if key not in unknown}
    return order(call, known, listing.order)


def order(call: Call, known: Mapping[str, str], default: tuple[str, str] = _NEWEST) -> list[tuple[str, bool]]:
    """What to sort by, and whether ascending. `known`: wire name -> field. Raises Invalid.

    Of equals the first direction says whether the oldest is first (29.0.0 `cinder/db/api.py` process_sort_params).
    """
    query = call.query
    if "sort" in query:
        if "sort_key" in query or "sort_dir" in query:
            raise Invalid(
                "The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter."
            )
        pairs = [part.strip().partition(":") for part in (given(call, "sort") or "").split(",")]
        asked = [(key.strip(), way.strip() or "desc") for key, _, way in pairs]
    else:
        key, way = default
        by, towards = given(call, "sort_key"), given(call, "sort_dir")
        asked = [((key if by is None else by).strip(), (way if towards is None else towards).strip())]
    for key, way in asked:
        if way not in ("asc", "desc"):
            raise Invalid("Invalid input received: Unknown sort direction, must be 'desc' or 'asc'.")
        if key not in known:
            raise Invalid("Invalid input received: Invalid sort key")
    order = [(known[key], way == "asc") for key, way in asked]
    return order if "created_at" in dict(order) else [*order, ("created_at", order[0][1])]
