"""Nova's requests on keypairs (nova 34.0.0 `compute/schemas/keypairs.py`)."""

from vregion.api.schemas.compute.types import NAME, NOT_NEGATIVE, Part, closed, wrapped
from vregion.api.validation import Schema, Since


def _name(pattern: str) -> Part:
    return {"allOf": [NAME, {"type": "string", "pattern": pattern, "minLength": 1, "maxLength": 255}]}


_STRINGS: Part = {"type": "array", "items": {"type": "string"}}
_OPEN = Since(("2.1", True), ("2.75", False))

CREATE = Schema(
    wrapped(
        "keypair",
        closed(
            {
                "name": Since(("2.1", _name(r"^[_\- a-zA-Z0-9]+$")), ("2.92", _name(r"^[_\-\@\. a-zA-Z0-9]+$"))),
                "public_key": {"type": "string"},
                "type": Since(("2.2", {"type": "string", "enum": ["ssh", "x509"]})),
                "user_id": Since(("2.10", {"type": "string"})),
            },
            Since(("2.1", ["name"]), ("2.92", ["name", "public_key"])),
        ),
    )
)
LIST = Schema(
    {
        "type": "object",
        "properties": {
            "user_id": Since(("2.10", _STRINGS)),
            "limit": Since(("2.35", {"type": "array", "items": NOT_NEGATIVE})),
            "marker": Since(("2.35", _STRINGS)),
        },
        "additionalProperties": _OPEN,
    },
    query=True,
)
SHOW = Schema(
    {"type": "object", "properties": {"user_id": Since(("2.10", _STRINGS))}, "additionalProperties": _OPEN}, query=True
)
