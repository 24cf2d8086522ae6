"""Nova's requests on servers: create, update and the two queries (nova 34.0.0 `compute/schemas/servers.py`)."""

from typing import Any

from vregion.api.schemas.compute.types import (
    BOOLEAN,
    DESCRIPTION,
    DISK_CONFIG,
    FLAVOR_REF,
    FQDN,
    HOSTNAME,
    IP_ADDRESS,
    IPV4,
    IPV6,
    METADATA,
    NAME,
    NAME_OR_NULL,
    NOT_NEGATIVE,
    PERSONALITY,
    POSITIVE,
    TAG,
    TAGS,
    TRUSTED,
    USER_DATA,
    UUID,
    UUID_OR_EMPTY,
    VOLUME_SIZE,
    closed,
    wrapped,
)
from vregion.api.validation import Schema, Since

Part = dict[str, Any]

# 2.32 had the tags of devices; 2.33 to 2.41 lost one of them again by mistake, 2.42 has both (nova bug 1658571).
_DISK_TAG = Since(("2.32", TAG), ("2.33", None), ("2.42", TAG))

_DISK: Part = {
    "virtual_name": {"type": "string", "maxLength": 255},
    "volume_id": UUID,
    "snapshot_id": UUID,
    "volume_size": VOLUME_SIZE,
    "device_name": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9._/-]*$"},
    "delete_on_termination": BOOLEAN,
    "no_device": {},
    "connection_info": {"type": "string", "maxLength": 16777215},
}
_DISK_V2: Part = _DISK | {
    "source_type": {"type": "string", "enum": ["volume", "image", "snapshot", "blank"]},
    "uuid": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9._-]*$"},
    "image_id": UUID,
    "destination_type": {"type": "string", "enum": ["local", "volume"]},
    "guest_format": {"type": "string", "maxLength": 255},
    "device_type": {"type": "string", "maxLength": 255},
    "disk_bus": {"type": "string", "maxLength": 255},
    "boot_index": {"type": ["integer", "string", "null"], "pattern": "^-?[0-9]+$"},
    "tag": _DISK_TAG,
    "volume_type": Since(("2.67", {"type": ["string", "null"], "maxLength": 255})),
}


def _networks(network_id: Part, tag: Part | None) -> Part:
    properties = {"fixed_ip": IP_ADDRESS, "port": {"type": ["string", "null"], "format": "uuid"}, "uuid": network_id}
    return {"type": "array", "items": closed(properties | ({"tag": tag} if tag else {}))}


def _or_word(networks: Part) -> Part:
    return {"oneOf": [networks, {"type": "string", "enum": ["none", "auto"]}]}


_NETWORKS = Since(
    ("2.1", _networks({"type": "string"}, None)),
    ("2.32", _networks({"type": "string"}, TAG)),
    ("2.37", _or_word(_networks(UUID, None))),
    ("2.42", _or_word(_networks(UUID, TAG))),
)
_HOSTNAME = Since(("2.90", HOSTNAME), ("2.94", FQDN))
_UUIDS: Part = {"oneOf": [UUID, {"type": "array", "items": UUID}]}
_HINTS: Part = {
    "type": "object",
    "properties": {
        "group": _UUIDS,
        "different_host": _UUIDS,
        "same_host": {"type": ["string", "array"], "items": UUID},
        "query": {"type": ["string", "object"]},
        "target_cell": NAME,
        "different_cell": {"type": ["string", "array"], "items": {"type": "string"}},
        "build_near_host_ip": IP_ADDRESS,
        "cidr": {"type": "string", "pattern": "^/[0-9a-f.:]+$"},
    },
}
_SERVER: Part = {
    "name": NAME,
    "imageRef": UUID_OR_EMPTY,
    "flavorRef": FLAVOR_REF,
    "adminPass": {"type": "string"},
    "metadata": METADATA,
    "networks": _NETWORKS,
    "OS-DCF:diskConfig": DISK_CONFIG,
    "accessIPv4": IPV4,
    "accessIPv6": IPV6,
    "personality": Since(("2.1", PERSONALITY), ("2.57", None)),
    "availability_zone": NAME,
    "block_device_mapping": {"type": "array", "items": closed(_DISK)},
    "block_device_mapping_v2": {"type": "array", "items": closed(_DISK_V2)},
    "config_drive": BOOLEAN,
    "key_name": NAME,
    "min_count": POSITIVE,
    "max_count": POSITIVE,
    "return_reservation_id": BOOLEAN,
    "security_groups": {"type": "array", "items": closed({"name": NAME})},
    "user_data": USER_DATA,
    "description": Since(("2.19", DESCRIPTION)),
    "tags": Since(("2.52", TAGS)),
    "trusted_image_certificates": Since(("2.63", TRUSTED)),
    "host": Since(("2.74", FQDN)),
    "hypervisor_hostname": Since(("2.74", FQDN)),
    "hostname": _HOSTNAME,
}
_REQUIRED = Since(("2.1", ["name", "flavorRef"]), ("2.37", ["name", "flavorRef", "networks"]))

CREATE = Schema(
    wrapped(
        "server",
        closed(_SERVER, _REQUIRED),
        **{"os:scheduler_hints": _HINTS, "OS-SCH-HNT:scheduler_hints": _HINTS},
    )
)
UPDATE = Schema(
    wrapped(
        "server",
        closed(
            {
                "name": NAME,
                "OS-DCF:diskConfig": DISK_CONFIG,
                "accessIPv4": IPV4,
                "accessIPv6": IPV6,
                "description": Since(("2.19", DESCRIPTION)),
                "hostname": _HOSTNAME,
                "pinned_availability_zone": Since(("2.104", NAME_OR_NULL)),
            }
        ),
    )
)

_ANY: Part = {"type": "array", "items": {"type": "string"}}
_REGEX: Part = {"type": "array", "items": {"type": "string", "format": "regex"}}
_TIMES: Part = {"type": "array", "items": {"type": "string", "format": "date-time"}}
# Sort keys that Nova takes and leaves out of account until 2.74.
IGNORED_SORT_KEYS = [
    "architecture", "cell_name", "cleaned", "default_ephemeral_device", "default_swap_device", "deleted", "deleted_at",
    "disable_terminate", "ephemeral_gb", "ephemeral_key_uuid", "id", "key_data", "launched_on", "locked", "memory_mb",
    "os_type", "reservation_id", "root_gb", "shutdown_terminate", "user_data", "vcpus", "vm_mode",
]  # fmt: skip
SORT_KEYS = [
    "access_ip_v4", "access_ip_v6", "auto_disk_config", "availability_zone", "config_drive", "created_at",
    "display_description", "display_name", "host", "hostname", "image_ref", "instance_type_id", "kernel_id",
    "key_name", "launch_index", "launched_at", "locked_by", "node", "power_state", "progress", "project_id",
    "ramdisk_id", "root_device_name", "task_state", "terminated_at", "updated_at", "user_id", "uuid", "vm_state",
]  # fmt: skip


def _sorted_by(keys: list[str]) -> Part:
    return {"type": "array", "items": {"type": "string", "enum": keys}}


# Filters that name another table of Nova's: taken by the schema, then refused as filters.
JOINED = (
    "block_device_mapping",
    "services",
    "metadata",
    "system_metadata",
    "info_cache",
    "security_groups",
    "pci_devices",
)
_PLAIN = (
    "user_id", "project_id", "tenant_id", "launch_index", "image_ref", "image", "vm_state", "task_state", "host",
    "uuid", "sort_dir", "all_tenants", "soft_deleted", "deleted", "status", "marker",
)  # fmt: skip
_PATTERNS = (
    "kernel_id", "ramdisk_id", "hostname", "key_name", "power_state", "node", "flavor", "reservation_id", "launched_at",
    "terminated_at", "availability_zone", "name", "display_name", "description", "display_description", "locked_by",
    "root_device_name", "config_drive", "access_ip_v4", "access_ip_v6", "auto_disk_config", "progress", "ip", "ip6",
    "created_at",
)  # fmt: skip
LIST = Schema(
    {
        "type": "object",
        "properties": {
            **dict.fromkeys((*_PLAIN, *JOINED), _ANY),
            **dict.fromkeys(_PATTERNS, _REGEX),
            **dict.fromkeys(("tags", "tags-any", "not-tags", "not-tags-any"), Since(("2.1", _ANY), ("2.26", _REGEX))),
            "changes-since": _TIMES,
            "changes-before": Since(("2.66", _TIMES)),
            "locked": Since(("2.73", _ANY)),
            "limit": {"type": "array", "items": NOT_NEGATIVE},
            "sort_key": Since(
                ("2.1", _sorted_by(SORT_KEYS + IGNORED_SORT_KEYS)), ("2.75", _sorted_by(["locked", *SORT_KEYS]))
            ),
        },
        "patternProperties": {"^_": _ANY},
        "additionalProperties": Since(("2.1", True), ("2.75", False)),
    },
    query=True,
)
SHOW = Schema(
    {"type": "object", "properties": {}, "additionalProperties": Since(("2.1", True), ("2.102", False))},
    query=True,
)
