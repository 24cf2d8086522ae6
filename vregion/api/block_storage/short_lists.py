"""Lists that are not rows but made in memory: the types and the group types.

Paged and sorted as the others are (cinder 29.0.0 api/common.py), by the words of `listing`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Short:
    """`links` names the member with the link to the next page, `sort` the columns."""

    path: str
    name: str
    links: str
    sort: tuple[str, ...]


def page(call: Call, short: Short, documents: Sequence[Document]) -> Reply:
    """One page of them. Raises Invalid. A marker that is none of them is passed over, as Cinder does for types."""
    limit, offset = listing.paging(call)
    found = list(documents)
    for key, ascending in reversed(listing.order(call, {name: name for name in short.sort})):
        found.sort(key=lambda one: (one.get(key) is not None, str(one.get(key))), reverse=not ascending)
    marker = listing.given(call, "marker")
    shown = found[_behind(found, marker) + offset :][:limit]
    links = listing.next_page(call, short.path, [one["id"] for one in shown], limit)
    return Reply({short.name: shown} | ({short.links: links} if links else {}))


def filters(call: Call, known: Iterable[str], *, strict: bool) -> tuple[dict[str, str], list[str]]:
    """Those of the query that are known, and the names of the others. Raises Invalid for these when `strict`."""
    asked = {name: value for name, value in call.query.multi_items() if name not in listing.PAGED}
    unknown = [name for name in asked if name not in known]
    if strict:
        unknown = [name for name in unknown if name != "all_tenants"]
        listing.refuse(listing.again(call) + unknown)
    return {name: value for name, value in asked.items() if name in known}, unknown


def _behind(found: Sequence[Document], marker: str | None) -> int:
    return next((index + 1 for index, one in enumerate(found) if one["id"] == marker), 0)
