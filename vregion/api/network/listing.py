"""Lists as Neutron gives them: filters, sort keys, pages with links, chosen fields, all from the tables.

Called by every list and show of this folder. Rows come ready to send; they are parsed only when fields are chosen.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

import orjson

from vregion.api.http import Call, Reply
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.attributes import Attributes
from vregion.api.schemas.network.values import bad, boolean, moment
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Resource
from vregion.region import associations, resources, sharing
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

NOT_FILTERS = ("fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse")
# Elsewhere an unknown marker is none: objects are asked for it, not the plugin (neutron 29.0.0 objects/base.py Pager).
_STRICT = ("network", "port", "router")
_TAGS = ("tags", "tags-any", "not-tags", "not-tags-any")
_PHRASES = {
    "router": ("Router {} could not be found", "RouterNotFound"),
    "subnetpool": ("Subnet pool {} could not be found.", "SubnetPoolNotFound"),
    "address_scope": ("Address scope {} could not be found.", "AddressScopeNotFound"),
    "address_group": ("Address group {} could not be found.", "AddressGroupNotFound"),
}
Special = Callable[[list[str]], Filter]


async def answer(
    tx: Transaction, call: Call, noun: Noun, seen: Mapping[str, Any], special: Mapping[str, Special] | None = None
) -> Reply:
    """One page. `seen` says whose rows; `special` makes filters of attributes that are no field of a row."""
    filters = [Filter("deleting", False), *_filters(call, noun, special or {})]
    (limit, marker, backwards), sorts = _order(call, noun)
    sorts = [(field, up != backwards) for field, up in sorts]
    query = Query(noun.kind, seen["project_id"], filters, sorts, limit, marker, seen.get("shared", ()))
    try:
        documents = await _documents(tx, call, noun, query)
    except Invalid as unknown:
        if noun.word in _STRICT:
            raise not_found(noun, marker or "") from unknown
        documents = await _documents(tx, call, noun, replace(query, marker=None))
    if backwards:
        documents.reverse()
    return Reply(_body(call, noun, documents, limit, backwards))


def show(call: Call, noun: Noun, resource: Resource, status: int = 200) -> Reply:
    """One document, whole or in part."""
    found = _shown_to(call, resource.document, resource.spec.get("shared_with", ()))
    if fields := _fields(call, noun):
        found = orjson.dumps(_part(found, fields))
    return Reply(b'{"%s":%s}' % (noun.word.encode(), found), status)


def few(
    call: Call,
    word: str,
    items: Sequence[dict[str, Any]],
    filters: Sequence[str] | None = None,
    sorts: Attributes | None = None,
) -> Reply:
    """A list that is no rows: filtered by its items' keys, or by those named; with `sorts` sorted and paged, too."""
    known = tuple(items[0]) if filters is None else filters
    asked = {key: call.query.getlist(key) for key in call.query if key not in NOT_FILTERS}
    if unknown := [key for key in asked if key not in known]:
        raise bad(f"{unknown} is invalid attribute for filtering")
    chosen = [item for item in items if all(_is_one_of(item.get(key), values) for key, values in asked.items())]
    links: dict[str, Any] = {}
    if sorts is not None:
        order, (limit, marker, backwards) = _sorts(call, sorts), _page(call)
        chosen = _paged(chosen, order, limit, marker, backwards)
        if limit:
            links = {f"{word}_links": _links(call, [orjson.dumps(item) for item in chosen], limit, backwards)}
    return Reply({word: [part(call, item) for item in chosen]} | links)


def part(call: Call, item: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were asked for of what is no row; an empty name asks for none."""
    fields = [field for field in call.query.getlist("fields") if field]
    return {key: value for key, value in item.items() if not fields or key in fields}


def _is_one_of(known: object, values: Sequence[str]) -> bool:
    """Capitals tell no two texts apart, as Neutron's databases compare them."""
    if isinstance(known, bool):
        return any(boolean(one) is known for one in values)
    return str(known).casefold() in [one.casefold() for one in values]


def _paged(
    items: list[dict[str, Any]], order: Sequence[tuple[str, bool]], limit: int | None, marker: str | None, back: bool
) -> list[dict[str, Any]]:
    """In that order, and by id where it says nothing; what follows the marker, or from the start if it is no item's."""
    for key, up in reversed([*order, ("id", True)]):
        items = sorted(items, key=partial(_rank, key), reverse=up == back)
    ids = [item["id"] for item in items]
    start = ids.index(marker) + 1 if marker in ids else 0
    page = items[start : start + limit] if limit else items
    return page[::-1] if back else page


def _rank(key: str, item: dict[str, Any]) -> tuple[bool, str]:
    """Null is less than anything."""
    return item.get(key) is not None, str(item.get(key))


def created(noun: Noun, made: Sequence[Resource], *, bulk: bool) -> Reply:
    """The answer to a create, of one or of many."""
    if not bulk:
        return Reply(b'{"%s":%s}' % (noun.word.encode(), made[0].document), 201)
    return Reply(b'{"%s":[%s]}' % (noun.collection.encode(), b",".join(one.document for one in made)), 201)


def not_found(noun: Noun, resource_id: str) -> NotFound:
    """Neutron's words for a resource that is not there."""
    if noun.word in _PHRASES:
        phrase, reason = _PHRASES[noun.word]
        return NotFound(phrase.format(resource_id), reason=reason)
    name = "".join(part.capitalize() for part in noun.word.split("_"))
    if noun.word.startswith("security"):
        return NotFound(
            f"{noun.word.replace('_', ' ').capitalize()} {resource_id} does not exist", reason=f"{name}NotFound"
        )
    return NotFound(f"{name} {resource_id} could not be found.", reason=f"{name}NotFound")


async def _documents(tx: Transaction, call: Call, noun: Noun, query: Query) -> list[bytes]:
    """`shared` is so for who asks; a floating IP tells of its port."""
    if "port_details" in noun.attributes:
        return await associations.detailed(tx, await resources.list_fields(tx, query, "document", "parent_id"))
    if "shared" not in noun.attributes:
        return await resources.list_documents(tx, query)
    rows = await resources.list_fields(tx, query, "document", "spec.shared_with")
    return [_shown_to(call, document, shared_with or ()) for document, shared_with in rows]


def _shown_to(call: Call, document: bytes, shared_with: Sequence[str] | str) -> bytes:
    """A quotation mark inside a text is escaped: these bytes are the attribute's own."""
    return document.replace(b'"shared":false', b'"shared":true', 1) if call.project_id in shared_with else document


def _body(call: Call, noun: Noun, documents: Sequence[bytes], limit: int | None, backwards: bool) -> bytes:
    items = documents
    if fields := _fields(call, noun):
        items = [orjson.dumps(_part(document, fields)) for document in documents]
    body = b'{"%s":[%s]' % (noun.collection.encode(), b",".join(items))
    if limit and (links := _links(call, documents, limit, backwards)):
        body += b',"%s_links":%s' % (noun.collection.encode(), orjson.dumps(links))
    return body + b"}"


def _filters(call: Call, noun: Noun, special: Mapping[str, Special]) -> list[Filter]:
    """Conditions from the query; several values of one key mean any of them."""
    found, unknown = [], []
    for key in dict.fromkeys(call.query.keys()):
        values = call.query.getlist(key)
        if key in NOT_FILTERS:
            continue
        if key in special:
            found.append(special[key](values))
        elif key in _TAGS and "tags" in noun.attributes:
            found.append(_tags(key, values))
        elif key == "shared" and key in noun.attributes and noun.attributes[key].field:
            found.append(Filter("", [sharing.asked(call.project_id, boolean(value)) for value in values], "any"))
        elif key == "changed_since":
            found.append(Filter("updated_at", moment(values[0]), "ge"))
        elif key not in noun.attributes or not noun.attributes[key].field:
            unknown.append(key)
        else:
            attribute = noun.attributes[key]
            read = [attribute.asked(value) for value in values]
            found.append(Filter(attribute.field, read, "in") if len(read) > 1 else Filter(attribute.field, read[0]))
    if unknown:
        raise bad(f"{unknown} is invalid attribute for filtering")
    return found


def _tags(key: str, values: Sequence[str]) -> Filter:
    """tags: all of them; -any: one of them; not-: the opposite."""
    tags = [tag for value in values for tag in value.split(",")]
    each = [Filter("spec.tags", orjson.dumps(tag).decode(), "contains") for tag in tags]
    absent = [Filter("", [one], "none") for one in each]
    match key:
        case "tags":
            return Filter("", [Filter("", absent, "any")], "none")
        case "tags-any":
            return Filter("", each, "any")
        case "not-tags":
            return Filter("", absent, "any")
    return Filter("", each, "none")


def _order(call: Call, noun: Noun) -> tuple[tuple[int | None, str | None, bool], list[tuple[str, bool]]]:
    """The page and the sort keys. Of a core resource a wrong page is told first, of another a wrong sort key."""
    if noun.core:
        return _page(call), _sorts(call, noun.attributes)
    sorts = _sorts(call, noun.attributes)
    return (_page(call) if noun.paged else (None, None, False)), sorts


def check_order(call: Call, attributes: Attributes | None = None) -> None:
    """For a list that nothing sorts; `attributes` are what it could be sorted by. Raises Invalid."""
    _sorts(call, attributes or {})
    _page(call)


def check(call: Call, noun: Noun, special: Mapping[str, Special] | None = None) -> None:
    """One core resource is asked for with a query like a list's, and that is read before the resource.

    29.0.0 `neutron/pecan_wsgi/hooks/query_parameters.py`. Raises Invalid.
    """
    _filters(call, noun, special or {})
    _order(call, noun)


def _sorts(call: Call, attributes: Attributes) -> list[tuple[str, bool]]:
    """Ingress comes before egress: Neutron's database sorts by their places in a list (29.0.0
    `db/models/securitygroup.py` SecurityGroupRule). Of equals the lowest id is first (`api/api_common.py`).
    """
    keys = [key for key in call.query.getlist("sort_key") if key]
    directions = [direction for direction in call.query.getlist("sort_dir") if direction]
    if len(keys) != len(directions):
        raise bad("The number of sort_keys and sort_dirs must be same")
    if wrong := [key for key in keys if key not in attributes or not (attributes[key].sorts and attributes[key].field)]:
        raise bad(f"{wrong} is invalid attribute for sort_keys")
    if wrong := [direction for direction in directions if direction not in ("asc", "desc")]:
        raise bad(f"{wrong} is invalid value for sort_dirs, valid value is 'asc' and 'desc'")
    pairs = zip(keys, directions, strict=True)
    given = [(attributes[key].field, (direction == "asc") != (key == "direction")) for key, direction in pairs]
    return [*given, ("id", True)] if given else [("created_at", True)]


def _page(call: Call) -> tuple[int | None, str | None, bool]:
    limit = _limit(call.query.get("limit", "0"))
    if limit == 0:
        return None, None, False
    return limit, call.query.get("marker"), call.query.get("page_reverse", "").lower() == "true"


def _limit(text: str) -> int:
    """As Python reads numbers; of a larger one than anything is counted in, that many."""
    try:
        number: int | str = int(text)
    except ValueError:
        number = text
    if isinstance(number, str) or number < 0:
        message = f"Bad limit request: Limit must be an integer 0 or greater and not '{number}'."
        raise Invalid(message, reason="BadRequest")
    return min(number, sys.maxsize)


def _links(call: Call, documents: Sequence[bytes], limit: int, backwards: bool) -> list[dict[str, str]]:
    """A next page may be empty: Neutron does not look ahead (`neutron/api/api_common.py` get_pagination_links)."""
    full = len(documents) >= limit
    links = []
    if full or backwards:
        links.append({"rel": "next", "href": _link(call, documents, last=True)})
    if full or not backwards:
        links.append({"rel": "previous", "href": _link(call, documents, last=False)})
    return links


def _link(call: Call, documents: Sequence[bytes], *, last: bool) -> str:
    query = [(key, value) for key, value in call.query.multi_items() if key not in ("marker", "page_reverse")]
    if documents:
        query.append(("marker", orjson.loads(documents[-1 if last else 0])["id"]))
    if not last:
        query.append(("page_reverse", "True"))
    return f"{call.base}{_path(call)}?{urlencode(query)}"


def _path(call: Call) -> str:
    """The request's path below the service's version."""
    return "/" + call.request.url.path.rpartition("/v2.0/")[2]


def _fields(call: Call, noun: Noun) -> list[str]:
    """Of a core resource an empty name is one that nothing has (29.0.0 `neutron/pecan_wsgi/hooks/userfilters.py`)."""
    return [field for field in call.query.getlist("fields") if field or noun.core]


def _part(document: bytes, fields: Sequence[str]) -> dict[str, Any]:
    whole = orjson.loads(document)
    return {name: value for name, value in whole.items() if name in fields}
