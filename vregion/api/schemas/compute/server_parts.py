"""Bodies and queries of what lies below a server: metadata, tags, volumes, interfaces, actions."""

from typing import Any

from vregion.api.schemas.compute.types import (
    BOOLEAN,
    IP_ADDRESS,
    METADATA,
    NOT_NEGATIVE,
    TAG,
    TAGS,
    UUID,
    closed,
    wrapped,
)
from vregion.api.validation import Schema, Since

_ANY: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_ONE_TIME: dict[str, Any] = {"type": "array", "items": {"type": "string", "format": "date-time"}, "maxItems": 1}
_NUMBERS: dict[str, Any] = {"type": "array", "items": NOT_NEGATIVE}
# Since 2.102 a query that an operation does not know is refused wherever it was let pass.
NO_QUERY = Schema(
    {"type": "object", "properties": {}, "additionalProperties": Since(("2.1", True), ("2.102", False))}, query=True
)

ALL_METADATA = Schema(wrapped("metadata", METADATA))
ONE_METADATA = Schema(wrapped("meta", METADATA | {"minProperties": 1, "maxProperties": 1}))
ALL_TAGS = Schema(wrapped("tags", TAGS))
ONE_TAG = Schema({"type": "null"})

_DEVICE = {"type": ["string", "null"], "pattern": "(^/dev/x{0,1}[a-z]{0,1}d{0,1})([a-z]+)[0-9]*$"}
ATTACH_VOLUME = Schema(
    wrapped(
        "volumeAttachment",
        closed(
            {
                "volumeId": UUID,
                "device": _DEVICE,
                "tag": Since(("2.49", TAG)),
                "delete_on_termination": Since(("2.79", BOOLEAN)),
            },
            ("volumeId",),
        ),
    )
)
UPDATE_VOLUME = Schema(
    wrapped(
        "volumeAttachment",
        closed(
            {
                "volumeId": UUID,
                "device": Since(("2.85", _DEVICE)),
                "tag": Since(("2.85", TAG)),
                "delete_on_termination": Since(("2.85", BOOLEAN)),
                "serverId": Since(("2.85", UUID)),
                "id": Since(("2.85", UUID)),
            },
            ("volumeId",),
        ),
    )
)
LIST_VOLUMES = Schema(
    {
        "type": "object",
        "properties": {"limit": _NUMBERS, "offset": _NUMBERS},
        "additionalProperties": Since(("2.1", True), ("2.75", False)),
    },
    query=True,
)
_ONE_ADDRESS = {
    "type": "array",
    "minItems": 1,
    "maxItems": 1,
    "items": closed({"ip_address": IP_ADDRESS}, ("ip_address",)),
}
ATTACH_INTERFACE = Schema(
    {
        "type": "object",
        "properties": {
            "interfaceAttachment": closed(
                {
                    "net_id": UUID,
                    "port_id": UUID,
                    "fixed_ips": _ONE_ADDRESS,
                    "tag": Since(("2.49", TAG)),
                }
            )
        },
        "additionalProperties": False,
    }
)
LIST_MIGRATIONS = Schema(
    {
        "type": "object",
        "properties": {
            **dict.fromkeys(("hidden", "host", "instance_uuid", "source_compute", "status", "migration_type"), _ANY),
            "limit": Since(("2.59", _NUMBERS | {"maxItems": 1})),
            "marker": Since(("2.59", _ANY | {"maxItems": 1})),
            "changes-since": Since(("2.59", _ONE_TIME)),
            "changes-before": Since(("2.66", _ONE_TIME)),
            "user_id": Since(("2.80", _ANY | {"maxItems": 1})),
            "project_id": Since(("2.80", _ANY | {"maxItems": 1})),
        },
        "additionalProperties": Since(("2.1", True), ("2.59", False)),
    },
    query=True,
)
LIST_ACTIONS = Schema(
    {
        "type": "object",
        "properties": {
            "limit": Since(("2.58", _NUMBERS | {"maxItems": 1})),
            "marker": Since(("2.58", _ANY | {"maxItems": 1})),
            "changes-since": Since(("2.58", _ONE_TIME)),
            "changes-before": Since(("2.66", _ONE_TIME)),
        },
        "additionalProperties": Since(("2.1", True), ("2.58", False)),
    },
    query=True,
)
FORCE_COMPLETE = Schema(closed({"force_complete": {"type": "null"}}, ("force_complete",)))
