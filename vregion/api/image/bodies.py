"""A request's JSON body and its paging, in Glance's words when they are wrong (glance 33.0.0 common/wsgi.py).

The image service's files call it; what the body means is theirs to say.
"""

from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import urlencode

from vregion.api.http import Call
from vregion.api.validation import Schema
from vregion.model.refusals import Forbidden, Invalid

Default = TypeVar("Default", str, None)

PAGE, LONGEST_PAGE = 25, 1000


def parsed(call: Call) -> Any:
    """The body; None when there is none. Raises Invalid."""
    if not call.body_bytes:
        return None
    try:
        body = call.json()
    except Invalid as broken:
        raise Invalid("Malformed JSON in request body.") from broken
    if not isinstance(body, dict | list):
        raise Invalid("Unexpected body type. Expected list/dict.")
    return body


def required(call: Call) -> Any:
    """The body. Raises Invalid also when there is none."""
    body = parsed(call)
    if body is None:
        raise Invalid("Body expected in request.")
    return body


def refused(call: Call) -> None:
    """There must be none (the routes with `body_reject`, glance 33.0.0 api/v2/router.py). Raises Invalid."""
    if call.body_bytes:
        raise Invalid("A body is not expected with this request.")


def checked(call: Call, schema: Schema, name: str, read_only: Iterable[str]) -> dict[str, Any]:
    """The body, which satisfies the schema of that name. Raises Invalid, or Forbidden for what nobody may write."""
    body = required(call)
    for key in read_only:
        if isinstance(body, dict) and key in body:
            raise Forbidden(f"Attribute '{key}' is read-only.")
    matches(call, schema, name, body)
    found: dict[str, Any] = body
    return found


def matches(call: Call, schema: Schema, name: str, value: Any) -> None:
    """Raises Invalid as `InvalidObject` words it (glance 33.0.0 common/exception.py)."""
    try:
        schema.check(value, call.microversion)
    except Invalid as wrong:
        raise Invalid(f"Provided object does not match schema '{name}': {wrong.message}") from wrong


def first(call: Call, name: str, default: Default) -> str | Default:
    """A parameter of a list's query; of several of one name Glance takes the first (33.0.0 pops it off a MultiDict)."""
    return next(iter(call.query.getlist(name)), default)


def limit(call: Call, least: int = 0) -> int:
    """How long a page may be. Raises Invalid."""
    text = first(call, "limit", None)
    if text is None:
        return PAGE
    try:
        asked = int(text)
    except ValueError:
        raise Invalid("limit param must be an integer") from None
    if asked < least:
        raise Invalid("limit param must be positive")
    return min(asked, LONGEST_PAGE)


def ascending(call: Call) -> bool:
    """The direction of a list that knows one order. Raises Invalid."""
    way = first(call, "sort_dir", "desc")
    if way not in ("asc", "desc"):
        raise Invalid(f"Invalid sort direction: {way}")
    return way == "asc"


def page(call: Call, path: str, marker: str | None = None) -> str:
    """The link to a list's first page, or to the one behind a marker."""
    kept = [(name, value) for name, value in call.query.multi_items() if name != "marker"]
    kept += [("marker", marker)] if marker else []
    return path + (f"?{urlencode(kept)}" if kept else "")
