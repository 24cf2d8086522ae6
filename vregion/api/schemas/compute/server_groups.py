"""Nova's requests on server groups (nova 34.0.0 `compute/schemas/server_groups.py`)."""

from vregion.api.schemas.compute.types import NAME, NOT_NEGATIVE, POSITIVE, Part, closed, wrapped
from vregion.api.validation import Schema, Since

_HARD = ["anti-affinity", "affinity"]
_ALL = [*_HARD, "soft-anti-affinity", "soft-affinity"]


def _one_of(policies: list[str]) -> Part:
    return {
        "type": "array",
        "prefixItems": [{"type": "string", "enum": policies}],
        "uniqueItems": True,
        "minItems": 1,
        "maxItems": 1,
    }


CREATE = Schema(
    wrapped(
        "server_group",
        closed(
            {
                "name": NAME,
                "policies": Since(("2.1", _one_of(_HARD)), ("2.15", _one_of(_ALL)), ("2.64", None)),
                "policy": Since(("2.64", {"type": "string", "enum": _ALL})),
                "rules": Since(("2.64", closed({"max_server_per_host": POSITIVE}))),
            },
            Since(("2.1", ["name", "policies"]), ("2.64", ["name", "policy"])),
        ),
    )
)
LIST = Schema(
    {
        "type": "object",
        "properties": {
            "all_projects": {"type": "array", "items": {"type": "string"}},
            "limit": {"type": "array", "items": NOT_NEGATIVE},
            "offset": {"type": "array", "items": NOT_NEGATIVE},
        },
        "additionalProperties": Since(("2.1", True), ("2.75", False)),
    },
    query=True,
)
SHOW = Schema(
    {"type": "object", "properties": {}, "additionalProperties": Since(("2.1", True), ("2.102", False))}, query=True
)
