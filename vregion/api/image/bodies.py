"""A request's JSON body, in Glance's words when it is none (glance 32.0.0 common/wsgi.py `from_json`).

The image service's files call it; what the body says is theirs to check.
"""

from typing import Any

from vregion.api.http import Call
from vregion.model.refusals import Invalid


def parsed(call: Call) -> Any:
    """The body; None when there is none. Raises Invalid."""
    if not call.body_bytes:
        return None
    try:
        return call.json()
    except Invalid as broken:
        raise Invalid("Malformed JSON in request body.") from broken
