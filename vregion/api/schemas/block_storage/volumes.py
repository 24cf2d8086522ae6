"""What may be asked of volumes."""

from vregion.api.schemas.block_storage.types import (
    BOOLEAN,
    METADATA,
    METADATA_OR_NULL,
    ONE,
    PRINTABLE,
    SIZE,
    SIZE_OR_NULL,
    TEXT,
    UUID,
    UUID_OR_NULL,
    closed,
    wrapped,
)
from vregion.api.validation import Schema, Since

# Their length counts without the white space around them: the handler looks at it.
_NAMES = {name: {"type": ["string", "null"]} for name in ("name", "description", "display_name", "display_description")}
_VOLUMES = {"oneOf": [UUID, {"type": "array", "items": UUID, "uniqueItems": True}]}
_HINTS = {
    "local_to_instance": UUID_OR_NULL,
    "different_host": _VOLUMES,
    "same_host": _VOLUMES,
    "query": {"type": ["string", "object"]},
}
CREATE = Schema(
    wrapped(
        "volume",
        {
            "type": "object",
            "properties": {
                **_NAMES,
                "volume_type": TEXT,
                "metadata": METADATA_OR_NULL,
                "snapshot_id": UUID_OR_NULL,
                "source_volid": UUID_OR_NULL,
                "consistencygroup_id": UUID_OR_NULL,
                "size": SIZE_OR_NULL,
                "availability_zone": {**TEXT, "minLength": 1},
                "multiattach": {"oneOf": [{"type": "null"}, BOOLEAN]},
                "image_id": TEXT,
                "imageRef": TEXT,
                "group_id": Since(("3.13", TEXT)),
                "backup_id": Since(("3.47", UUID_OR_NULL)),
            },
            "additionalProperties": Since(("3.0", True), ("3.53", False)),
        },
        **{"OS-SCH-HNT:scheduler_hints": {"type": ["object", "null"], "properties": _HINTS}},
    )
)
_ONE_OF = [{"required": [name]} for name in (*_NAMES, "metadata")]
UPDATE = Schema(
    wrapped("volume", {**closed({**_NAMES, "metadata": METADATA}), "anyOf": Since(("3.0", [{}]), ("3.53", _ONE_OF))})
)
REPLACE_METADATA = Schema(wrapped("metadata", METADATA))
SET_METADATA_ITEM = Schema(wrapped("meta", {**METADATA, **ONE}))
_FORMATS = ["raw", "vmdk", "vdi", "qcow2", "vhd", "vhdx", "ploop"]
_VISIBILITIES = {"type": "string", "enum": ["community", "public", "private", "shared"]}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_BARE = ("os-reserve", "os-unreserve", "os-begin_detaching", "os-roll_detaching", "os-show_image_metadata")
_IMAGE_METADATA = {
    "type": "object",
    "patternProperties": {"^[a-zA-Z0-9-_:. ]{1,255}$": {"type": "string", "maxLength": 255}},
    "additionalProperties": False,
}
ACTIONS = {
    "os-extend": Schema(wrapped("os-extend", closed({"new_size": SIZE}, "new_size"))),
    "os-set_bootable": Schema(wrapped("os-set_bootable", closed({"bootable": BOOLEAN}, "bootable"))),
    "os-update_readonly_flag": Schema(wrapped("os-update_readonly_flag", closed({"readonly": BOOLEAN}, "readonly"))),
    **{name: Schema(wrapped(name, {})) for name in _BARE},
    "os-attach": Schema(
        wrapped(
            "os-attach",
            {
                **closed(
                    {
                        "instance_uuid": UUID,
                        "mountpoint": {"type": "string", "minLength": 1, "maxLength": 255},
                        "host_name": {"type": "string", "maxLength": 255},
                        "mode": {"type": "string", "enum": ["rw", "ro"]},
                    },
                    "mountpoint",
                ),
                "anyOf": [{"required": ["instance_uuid"]}, {"required": ["host_name"]}],
            },
        )
    ),
    "os-detach": Schema(wrapped("os-detach", {**closed({"attachment_id": UUID_OR_NULL}), "type": ["object", "null"]})),
    "os-initialize_connection": Schema(
        wrapped("os-initialize_connection", closed({"connector": {"type": ["object", "string"]}}, "connector"))
    ),
    "os-terminate_connection": Schema(
        wrapped("os-terminate_connection", closed({"connector": {"type": ["object", "string", "null"]}}, "connector"))
    ),
    "os-retype": Schema(
        wrapped(
            "os-retype",
            closed(
                {
                    "new_type": {"type": "string"},
                    "migration_policy": {"type": ["string", "null"], "enum": ["on-demand", "never"]},
                },
                "new_type",
            ),
        )
    ),
    "os-reimage": Schema(wrapped("os-reimage", closed({"image_id": UUID, "reimage_reserved": BOOLEAN}, "image_id"))),
    "revert": Schema(wrapped("revert", {"type": "object", "properties": {"snapshot_id": _TEXT_OR_NULL}})),
    "os-set_image_metadata": Schema(
        wrapped("os-set_image_metadata", closed({"metadata": _IMAGE_METADATA}, "metadata"))
    ),
    "os-unset_image_metadata": Schema(
        wrapped("os-unset_image_metadata", closed({"key": {"type": "string", "minLength": 1, "maxLength": 255}}, "key"))
    ),
    "os-volume_upload_image": Schema(
        wrapped(
            "os-volume_upload_image",
            closed(
                {
                    "image_name": {"type": "string", "minLength": 1, "maxLength": 255},
                    "force": BOOLEAN,
                    "disk_format": {"type": "string", "enum": _FORMATS},
                    "container_format": PRINTABLE,
                    "visibility": Since(("3.1", _VISIBILITIES)),
                    "protected": Since(("3.1", BOOLEAN)),
                },
                "image_name",
            ),
        )
    ),
}
