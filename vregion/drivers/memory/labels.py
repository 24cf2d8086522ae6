"""A server's metadata and tags: /metadata and /tags below it."""

from typing import Any

from vregion.drivers.contract import Answer, Permanent
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.server_actions import refuse_locked


def call(row: Row, method: str, path: str, body: dict[str, Any]) -> Answer:
    """Every method that Nova has there."""
    part, _, one = path.strip("/").partition("/")
    if part == "tags":
        return _tag(row, method, one) if one else _tags(row, method, body)
    if method != "GET":
        refuse_locked(row)
    return _item(row, method, one, body) if one else _metadata(row, method, body)


def _metadata(row: Row, method: str, body: dict[str, Any]) -> Answer:
    if method == "PUT":
        row.document["metadata"] = dict(body["metadata"])
    elif method == "POST":
        row.document["metadata"] |= body["metadata"]
    elif method != "GET":
        raise Permanent("The resource could not be found.", 404)
    return Answer(200, {"metadata": dict(row.document["metadata"])})


def _item(row: Row, method: str, one: str, body: dict[str, Any]) -> Answer:
    items = row.document["metadata"]
    if method == "PUT":
        items[one] = body["meta"][one]
    elif one not in items:
        raise Permanent("Metadata item was not found", 404)
    if method == "DELETE":
        del items[one]
        return Answer(204, None)
    return Answer(200, {"meta": {one: items[one]}})


def _tags(row: Row, method: str, body: dict[str, Any]) -> Answer:
    if method in ("PUT", "DELETE"):
        row.document["tags"] = sorted(set(body.get("tags", ())) if method == "PUT" else ())
    return Answer(204, None) if method == "DELETE" else Answer(200, {"tags": list(row.document["tags"])})


def _tag(row: Row, method: str, one: str) -> Answer:
    tags = row.document["tags"]
    there = one in tags
    if method == "PUT":
        row.document["tags"] = sorted({*tags, one})
        return Answer(204 if there else 201, None)
    if not there:
        raise Permanent(f"Instance {row.id} has no tag '{one}'", 404)
    if method == "DELETE":
        tags.remove(one)
    return Answer(204, None)
