"""The query string of a list of images as filters and an order on the region's rows.

Used by `images.index` alone. Glance takes any property's name as a filter, so an unknown name is one too.
"""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import QueryParams

from vregion.api.http import Call
from vregion.api.image import bodies
from vregion.model.refusals import Invalid
from vregion.region import images
from vregion.region.resources import Filter

SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
_COLUMNS = ("id", "name", "status")
_IN = ("id", "name", "status", "container_format", "disk_format")
_NUMBERS = ("size", "min_ram", "min_disk")
_TIMES = {"gt": "gt", "gte": "ge", "lt": "lt", "lte": "le", "eq": "eq", "neq": "ne"}
_ONCE = ("limit", "marker", "sort", "member_status")  # the first; another one is taken for a property of images
_PAGING = ("sort_key", "sort_dir", "tag", "visibility", "os_hidden")


def parse(call: Call) -> tuple[list[Filter], list[Filter]]:
    """What a row must satisfy, and what lets other projects' rows in."""
    query = call.query
    visibility = query.get("visibility")
    if visibility is not None and visibility not in ("community", "public", "private", "shared", "all"):
        raise Invalid(f"Invalid visibility value: {visibility}")
    if query.get("changes-since"):
        raise Invalid('The "changes-since" filter is no longer available on v2.')
    member_status = bodies.first(call, "member_status", "accepted")
    if member_status not in ("pending", "accepted", "rejected", "all"):
        raise Invalid(f"Invalid status: {member_status}")
    hidden = query.get("os_hidden", "false").lower()
    found = [Filter("deleting", False), Filter("spec.os_hidden", _boolean("os_hidden", hidden))]
    if visibility not in (None, "all"):
        found.append(Filter("spec.visibility", visibility))
    found += [Filter(f"spec.{images.TAGS}", f"|{tag.strip()}|", "contains") for tag in query.getlist("tag")]
    firsts: set[str] = set()
    for name, value in query.multi_items():
        if name in _ONCE and name not in firsts:
            firsts.add(name)
        elif name not in _PAGING:
            found += _filters(name, value)
    return found, images.listed_for(call.project_id, visibility, member_status)


def sort(query: QueryParams) -> Sequence[tuple[str, bool]]:
    """Both of Glance's ways to ask for an order. Of equals the only direction says whether the oldest is first; of
    several none does (33.0.0 `glance/db/sqlalchemy/api.py` _image_get_all).
    """
    if "sort" in query:
        if "sort_key" in query or "sort_dir" in query:
            raise Invalid("Old and new sorting syntax cannot be combined")
        pairs = [part.partition(":") for part in query.getlist("sort")[0].strip().split(",")]
        keys, directions = [p[0].strip() for p in pairs], [p[2].strip() or "desc" for p in pairs]
    else:
        keys = [key.strip() for key in query.getlist("sort_key")]
        directions = [direction.strip() for direction in query.getlist("sort_dir")]
        if len(directions) > 1 and len(directions) != len(keys):
            raise Invalid("Number of sort dirs does not match the number of sort keys")
    for key in keys:
        if key not in SORT_KEYS:
            raise Invalid(f"Invalid sort key: {key}. It must be one of the following: {', '.join(SORT_KEYS)}.")
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise Invalid(f"Invalid sort direction: {direction}")
    keys, directions = keys or ["created_at"], directions or ["desc"]
    oldest_first = directions == ["asc"]
    directions = directions * len(keys) if len(directions) == 1 else directions
    order = [(_field(key), way == "asc") for key, way in zip(keys, directions, strict=True)]
    return order if "created_at" in dict(order) else [*order, ("created_at", oldest_first)]


def _filters(name: str, value: str) -> list[Filter]:
    if name in ("created_at", "updated_at"):
        return [_time(name, value)]
    if name == "protected":
        return [Filter("spec.protected", _boolean(name, value))]
    if name in ("size_min", "size_max"):
        return [Filter("spec.size", _number(value), "ge" if name == "size_min" else "le")]
    if name in _NUMBERS:
        return [Filter(f"spec.{name}", _number(value))]
    if '"' in name or "\\" in name or name.startswith(images.INTERNAL):
        return [Filter("id", [], "in")]
    if name not in _IN:
        return [Filter(_field(name), value)]
    operator, text = _operator(value)
    if operator not in ("in", "eq"):
        raise Invalid(f"Unable to filter by unknown operator '{operator}'.")
    return [Filter(_field(name), _words(text), "in") if operator == "in" else Filter(_field(name), text)]


def _field(name: str) -> str:
    return name if name in (*_COLUMNS, "created_at", "updated_at") else f"spec.{name}"


def _words(text: str) -> list[str]:
    """Comma-separated; a value with a comma in it is quoted."""
    try:
        lexer = shlex.shlex(text, posix=True)
        lexer.whitespace, lexer.whitespace_split = ",", True
        return [word.strip() for word in lexer]
    except ValueError:
        raise Invalid(f"Invalid filter value {text}. The quote is not closed.") from None


def _boolean(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise Invalid(f"Invalid value '{value}' for '{name}' filter. Valid values are 'true' or 'false'.")
    return value == "true"


def _number(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise Invalid("Unable to filter on a range with a non-numeric value.") from None


def _operator(value: str) -> tuple[str, str]:
    """What is before a colon, and what it is asked of; a time's own colon is none (33.0.0 `glance/common/utils.py`
    split_filter_op).
    """
    operator, colon, text = value.partition(":")
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return (operator, text) if colon else ("eq", value)
    return "eq", value


def _time(name: str, value: str) -> Filter:
    operator, text = _operator(value)
    try:
        at: Any = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f'Bad "{name}" query filter format. Use ISO 8601 DateTime notation.') from None
    if operator not in _TIMES:
        raise Invalid("Unable to filter on a unknown operator.")
    return Filter(name, at if at.tzinfo else at.replace(tzinfo=UTC), _TIMES[operator])
