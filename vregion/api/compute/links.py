"""Nova's links: to a resource, and to the next page. They name the project only when the request's URL did.

nova 34.0.0 `nova/api/openstack/common.py` ViewBuilder has the same rules. Used by every list and show of compute.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from vregion.api.http import Call

LONGEST_PAGE = 1000


def links(call: Call, collection: str, resource_id: str) -> list[dict[str, str]]:
    """`self`, and `bookmark`, which has no version in it."""
    root = call.base.rpartition("/")[0]
    place = f"{_project(call)}/{collection}/{resource_id}"
    return [{"rel": "self", "href": call.base + place}, {"rel": "bookmark", "href": root + place}]


def next_page(call: Call, collection: str, ids: Sequence[str]) -> list[dict[str, str]]:
    """The link behind a full page, else nothing."""
    if not ids or len(ids) != page_size(call):
        return []
    asked = {name: call.query[name] for name in sorted(call.query)}
    query = urlencode({**asked, "marker": ids[-1]})
    return [{"rel": "next", "href": f"{call.base}{_project(call)}/{collection}?{query}"}]


def page_size(call: Call) -> int:
    """`limit`, which the schema has checked, within the longest page."""
    return min(int(call.query.get("limit", LONGEST_PAGE)), LONGEST_PAGE)


def asked(call: Call) -> dict[str, list[str]]:
    """The query string as the schemas see it."""
    return {name: call.query.getlist(name) for name in call.query}


def listed(call: Call, name: str, items: list[Any], next_links: list[dict[str, str]]) -> dict[str, Any]:
    """A list's body."""
    return {name: items, f"{name}_links": next_links} if next_links else {name: items}


def _project(call: Call) -> str:
    named = f"/v2.1/{call.project_id}"
    return f"/{call.project_id}" if named in call.request.url.path else ""
