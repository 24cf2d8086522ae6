"""JSON patch as Glance takes it: two drafts, told apart by the content type, and paths of one step.

Used by the update of images only (glance 33.0.0 api/v2/images.py RequestDeserializer.update has the rules and words).
"""

import re
from dataclasses import dataclass
from typing import Any

from vregion.api.http import Call
from vregion.api.image.bodies import parsed
from vregion.model.refusals import Conflict, Invalid, Refusal

OPERATIONS = ("add", "remove", "replace")
DRAFTS = {"application/openstack-images-v2.0-json-patch": 4, "application/openstack-images-v2.1-json-patch": 10}
_CONFLICT = "There was a conflict when trying to complete your request."  # webob's, as Glance gives it a detail only
_DEPTHS = {"locations": {"add": 2, "remove": 2, "replace": 1}}


@dataclass(frozen=True, slots=True)
class Change:
    """One step; `value` is None for a removal."""

    op: str
    path: tuple[str, ...]
    value: Any
    draft: int

    @property
    def name(self) -> str:
        """The member of the image that it is about."""
        return self.path[0]


def absent(name: str) -> Conflict:
    """Glance's words."""
    return Conflict(_CONFLICT, detail=f"Property {name} does not exist.")


def present(name: str) -> Conflict:
    """Glance's words."""
    return Conflict(_CONFLICT, detail=f"Property {name} already present.")


def parse(call: Call) -> list[Change]:
    """The steps of the body. Raises Invalid, or 415 for another content type."""
    kind = call.headers.get("content-type", "").partition(";")[0].strip()
    draft = DRAFTS.get(kind)
    if draft is None:
        words = f"The request media type {kind} is not supported by this server."
        raise Refusal(f"{words} Image PATCH expects Content-Type one of: {', '.join(sorted(DRAFTS))}", status=415)
    body = parsed(call)
    if body is None:
        raise Invalid("Body expected in request.")
    if not isinstance(body, list):
        raise Invalid("Request body must be a JSON array of operation objects.")
    return [_change(step, draft) for step in body]


def _change(step: Any, draft: int) -> Change:
    if not isinstance(step, dict):
        raise Invalid("Operations must be JSON objects.")
    op = _operation(step, draft)
    pointer = step[op] if draft == 4 else step.get("path")
    if pointer is None:
        raise Invalid("Unable to find 'path' in JSON Schema change")
    path = _pointer(str(pointer))
    if len(path) != _DEPTHS.get(path[0], {}).get(op, 1):
        raise Invalid(f"Invalid JSON pointer for this resource: '/{'/'.join(path)}'")
    if op != "remove" and "value" not in step:
        raise Invalid(f'Operation "{op}" requires a member named "value".')
    return Change(op, path, step.get("value"), draft)


def _operation(step: dict[str, Any], draft: int) -> str:
    if draft == 4:
        found = [op for op in OPERATIONS if op in step]
        if len(found) != 1:
            count = "only" if found else "exactly"
            raise Invalid(f'Operation objects must contain {count} one member named "add", "remove", or "replace".')
        return found[0]
    op = step.get("op")
    available = ", ".join(OPERATIONS)
    if op is None:
        raise Invalid(f"Unable to find `op` in JSON Schema change. It must be one of the following: {available}.")
    if op not in OPERATIONS:
        raise Invalid(f"Invalid operation: `{op}`. It must be one of the following: {available}.")
    return str(op)


def _pointer(text: str) -> tuple[str, ...]:
    """A pointer's steps, unescaped."""
    if not text.startswith("/"):
        raise Invalid(f'Pointer `{text}` does not start with "/".')
    if re.search(r"/\s*?/", text[1:]):
        raise Invalid(f'Pointer `{text}` contains adjacent "/".')
    if len(text) > 1 and text.endswith("/"):
        raise Invalid(f'Pointer `{text}` end with "/".')
    if re.search("~[^01]", text) or text.endswith("~"):
        raise Invalid(f'Pointer `{text}` contains "~" not part of a recognized escape sequence.')
    return tuple(part.replace("~1", "/").replace("~0", "~").strip() for part in text.lstrip("/").split("/"))
