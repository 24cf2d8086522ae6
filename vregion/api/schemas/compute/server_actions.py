"""Bodies of Nova's server actions, by the action's name (nova 34.0.0 `compute/schemas/`)."""

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
    TRUSTED,
    USER_DATA_OR_NULL,
    UUID,
    closed,
    wrapped,
)
from vregion.api.validation import Schema, Since

Part = dict[str, Any]
_ANYTHING: Part = {}


def _or_null(properties: Part, required: tuple[str, ...] = ()) -> Part:
    return closed(properties, required) | {"type": ["object", "null"]}


def _one_of(name: str, *values: str) -> Part:
    return closed({name: {"type": "string", "enum": list(values)}}, (name,))


_REBUILD = closed(
    {
        "name": NAME,
        "imageRef": UUID,
        "adminPass": {"type": "string"},
        "metadata": METADATA,
        "preserve_ephemeral": BOOLEAN,
        "OS-DCF:diskConfig": DISK_CONFIG,
        "accessIPv4": IPV4,
        "accessIPv6": IPV6,
        "personality": Since(("2.1", PERSONALITY), ("2.57", None)),
        "description": Since(("2.19", DESCRIPTION)),
        "key_name": Since(("2.54", NAME_OR_NULL)),
        "user_data": Since(("2.57", USER_DATA_OR_NULL)),
        "trusted_image_certificates": Since(("2.63", TRUSTED)),
        "hostname": Since(("2.90", HOSTNAME), ("2.94", FQDN)),
    },
    ("imageRef",),
)
_UNSHELVE = Since(
    ("2.1", _ANYTHING),
    ("2.77", _or_null({"availability_zone": NAME}, ("availability_zone",))),
    ("2.91", _or_null({"availability_zone": {"type": ["string", "null"]}, "host": {"type": "string"}})),
)
_INNER: Part = {
    **dict.fromkeys(
        ("os-start", "os-stop", "confirmResize", "revertResize", "pause", "unpause", "suspend", "resume", "unlock",
         "shelve", "shelveOffload", "unrescue", "forceDelete", "restore", "injectNetworkInfo"),
        _ANYTHING,
    ),
    "reboot": _one_of("type", "HARD", "Hard", "hard", "SOFT", "Soft", "soft"),
    "resize": closed({"flavorRef": FLAVOR_REF, "OS-DCF:diskConfig": DISK_CONFIG}, ("flavorRef",)),
    "rebuild": _REBUILD,
    "lock": Since(
        ("2.1", _ANYTHING), ("2.73", _or_null({"locked_reason": {"type": "string", "minLength": 1, "maxLength": 255}}))
    ),
    "rescue": _or_null({"adminPass": {"type": "string"}, "rescue_image_ref": UUID}),
    "unshelve": _UNSHELVE,
    "changePassword": closed({"adminPass": {"type": "string"}}, ("adminPass",)),
    "createImage": closed({"name": NAME, "metadata": METADATA}, ("name",)),
    "createBackup": closed(
        {"name": NAME, "backup_type": {"type": "string"}, "rotation": NOT_NEGATIVE, "metadata": METADATA},
        ("name", "backup_type", "rotation"),
    ),
    "os-getConsoleOutput": closed({
        "length": {"type": ["integer", "string", "null"], "pattern": "^-?[0-9]+$", "minimum": -1}
    }),
    "os-getVNCConsole": _one_of("type", "novnc", "xvpvnc"),
    "os-getSPICEConsole": _one_of("type", "spice-html5"),
    "os-getSerialConsole": _one_of("type", "serial"),
    "addSecurityGroup": closed({"name": {"type": "string", "minLength": 1}}, ("name",)),
    "removeSecurityGroup": closed({"name": {"type": "string", "minLength": 1}}, ("name",)),
    "trigger_crash_dump": {"type": "null"},
    "addFixedIp": closed(
        {"networkId": {"type": ["string", "number"], "minLength": 1, "maxLength": 36}}, ("networkId",)
    ),
    "removeFixedIp": closed({"address": IP_ADDRESS}, ("address",)),
    "addFloatingIp": closed({"address": IP_ADDRESS, "fixed_address": IP_ADDRESS}, ("address",)),
    "removeFloatingIp": closed({"address": IP_ADDRESS}, ("address",)),
    "os-resetState": _one_of("state", "active", "error"),
    **dict.fromkeys(("migrate", "os-migrateLive", "evacuate"), _ANYTHING),
}  # fmt: skip
_OPEN = ("addSecurityGroup", "removeSecurityGroup")  # Nova lets other members pass beside these

BODIES = {
    name: Schema(wrapped(name, inner) | ({"additionalProperties": True} if name in _OPEN else {}))
    for name, inner in _INNER.items()
}

REMOTE_CONSOLE = Schema(
    wrapped(
        "remote_console",
        closed(
            {
                "protocol": {
                    "type": "string",
                    "enum": Since(
                        ("2.6", ["vnc", "spice", "serial", "rdp"]), ("2.8", ["vnc", "spice", "serial", "rdp", "mks"])
                    ),
                },
                "type": {
                    "type": "string",
                    "enum": Since(
                        ("2.6", ["novnc", "xvpvnc", "spice-html5", "serial", "rdp-html5"]),
                        ("2.8", ["novnc", "xvpvnc", "spice-html5", "serial", "rdp-html5", "webmks"]),
                        ("2.99", ["novnc", "xvpvnc", "spice-html5", "serial", "rdp-html5", "webmks", "spice-direct"]),
                    ),
                },
            },
            ("protocol", "type"),
        ),
    )
)
