"""Nova's queries on flavors (nova 34.0.0 `compute/schemas/flavors.py`)."""

from vregion.api.schemas.compute.types import NOT_NEGATIVE
from vregion.api.validation import Schema, Since

SORT_KEYS = [
    "created_at", "description", "disabled", "ephemeral_gb", "flavorid", "id", "is_public", "memory_mb", "name",
    "root_gb", "rxtx_factor", "swap", "updated_at", "vcpu_weight", "vcpus",
]  # fmt: skip
_WORDS = {"type": "array", "items": {"type": "string"}}


def _one_of(words: list[str]) -> dict[str, object]:
    return {"type": "array", "items": {"type": "string", "enum": words}}


LIST = Schema(
    {
        "type": "object",
        "properties": {
            "limit": {"type": "array", "items": NOT_NEGATIVE},
            **dict.fromkeys(("marker", "is_public", "minRam", "minDisk"), _WORDS),
            "name": Since(("2.102", _WORDS)),
            "sort_key": Since(
                ("2.1", _one_of(SORT_KEYS)), ("2.102", _one_of([k for k in SORT_KEYS if k != "rxtx_factor"]))
            ),
            "sort_dir": _one_of(["asc", "desc"]),
        },
        "additionalProperties": Since(("2.1", True), ("2.75", False)),
    },
    query=True,
)
SHOW = Schema(
    {"type": "object", "properties": {}, "additionalProperties": Since(("2.1", True), ("2.102", False))}, query=True
)
