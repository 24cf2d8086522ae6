"""A request's body and query as the servers' handlers get them: parsed and checked, refused in Nova's words."""

from typing import Any

from vregion.api.compute.links import asked
from vregion.api.http import Call
from vregion.api.validation import Schema


def body(call: Call, schema: Schema) -> Any:
    """The body; none is null. Raises Invalid (nova 34.0.0 `api/openstack/wsgi.py` says no more of broken JSON)."""
    parsed = call.json() if call.body_bytes else None
    schema.check(parsed, call.microversion)
    return parsed


def query(call: Call, schema: Schema) -> dict[str, list[str]]:
    """The query string, name -> values."""
    values = asked(call)
    schema.check(values, call.microversion)
    return values
