"""Nova's requests on quotas and limits (nova 34.0.0 `compute/schemas/quota_sets.py`, `limits.py`)."""

from vregion.api.schemas.compute.types import BOOLEAN, Part, closed, wrapped
from vregion.api.validation import Schema, Since

QUOTAS = ("instances", "cores", "ram", "metadata_items", "key_pairs", "server_groups", "server_group_members")
NETWORK = ("fixed_ips", "floating_ips", "security_groups", "security_group_rules")  # until 2.35
INJECTED = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")  # until 2.56

_LIMIT: Part = {"type": ["integer", "string"], "pattern": "^-?[0-9]+$", "minimum": -1, "maximum": 0x7FFFFFFF}
_STRINGS: Part = {"type": "array", "items": {"type": "string"}}
_OPEN = Since(("2.1", True), ("2.75", False))

UPDATE = Schema(
    wrapped(
        "quota_set",
        closed(
            dict.fromkeys(QUOTAS, _LIMIT)
            | dict.fromkeys(NETWORK, Since(("2.1", _LIMIT), ("2.36", None)))
            | dict.fromkeys(INJECTED, Since(("2.1", _LIMIT), ("2.57", None)))
            | {"force": BOOLEAN}
        ),
    )
)
UPDATE_CLASS = Schema(
    wrapped(
        "quota_class_set",
        closed(
            dict.fromkeys(QUOTAS, _LIMIT)
            | dict.fromkeys(NETWORK, Since(("2.1", _LIMIT), ("2.50", None)))
            | dict.fromkeys(INJECTED, Since(("2.1", _LIMIT), ("2.57", None)))
        ),
    )
)
SHOW_CLASS = Schema(
    {"type": "object", "properties": {}, "additionalProperties": Since(("2.1", True), ("2.102", False))}, query=True
)
QUERY = Schema({"type": "object", "properties": {"user_id": _STRINGS}, "additionalProperties": _OPEN}, query=True)
LIMITS = Schema({"type": "object", "properties": {"tenant_id": _STRINGS}, "additionalProperties": _OPEN}, query=True)
