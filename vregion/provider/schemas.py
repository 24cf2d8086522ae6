"""What the bodies of the provider's API may be, as JSON Schema; `api` validates by them before any operation runs.

A credential's values are its driver's own; only what a driver cannot do without is asked for here.
"""

from typing import Any

NAME = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$", "maxLength": 64}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 1024}
_AMOUNT = {"type": "integer", "minimum": 0, "maximum": 0x7FFFFFFF}

CREDENTIAL = {"type": "object", "additionalProperties": {"type": "string", "maxLength": 4096}}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


_OPENSTACK = {
    "properties": {
        "credential": {
            "anyOf": [
                {"required": ["application_credential_id", "application_credential_secret"]},
                {"required": ["username", "password"]},
                {"required": ["user_id", "password"]},
            ]
        }
    }
}
_MEMORY = {"properties": {"credential": {"required": ["project"]}}}

BACKEND = _object(
    ["name", "driver", "address", "credential"],
    name=NAME,
    driver={"type": "string", "maxLength": 64},
    address=_TEXT,
    region_name={"type": "string", "maxLength": 255},
    options={"type": "object"},
    credential=CREDENTIAL,
) | {
    "allOf": [
        {"if": {"properties": {"driver": {"const": driver}}}, "then": then}
        for driver, then in (("openstack", _OPENSTACK), ("memory", _MEMORY))
    ]
}

ZONE = _object(["backend"], backend=NAME, credential=CREDENTIAL, default={"type": "boolean"})

TENANT = _object(
    ["name"],
    name=NAME,
    admin_password={"type": "string", "minLength": 8, "maxLength": 72},
    zones={
        "type": "array",
        "items": _object(
            ["availability_zone", "backend"],
            availability_zone=NAME,
            backend=NAME,
            credential=CREDENTIAL,
            default={"type": "boolean"},
        ),
    },
)

INTERCONNECT = _object(
    ["name", "members", "segments"],
    name=NAME,
    kind={"type": "string", "maxLength": 16},
    members={
        "type": "array",
        "minItems": 2,
        "items": _object(["backend", "physical_network"], backend=NAME, physical_network=_TEXT | {"maxLength": 64}),
    },
    segments=_object(["first", "last"], first=_AMOUNT | {"minimum": 1}, last=_AMOUNT | {"minimum": 1}),
    mtu={"type": "integer", "minimum": 1280, "maximum": 65535},
    transit_prefix={"type": "string", "maxLength": 64},
)

_LIMIT = {"type": "integer", "minimum": -1, "maximum": 0x7FFFFFFF}
LIMITS = _object(
    [],
    image_size_total=_LIMIT,
    image_stage_total=_LIMIT,
    image_count_total=_LIMIT,
    image_count_uploading=_LIMIT,
)

FLAVOR = _object(
    ["name", "vcpus", "ram", "disk"],
    id=NAME,
    name={"type": "string", "pattern": r"\S", "maxLength": 255},
    vcpus=_AMOUNT | {"minimum": 1},
    ram=_AMOUNT | {"minimum": 1},
    disk=_AMOUNT,
    ephemeral=_AMOUNT,
    swap=_AMOUNT,
    rxtx_factor={"type": "number", "exclusiveMinimum": 0, "maximum": 3.40282e38},
    is_public={"type": "boolean"},
    description={"type": ["string", "null"], "maxLength": 65535},
    extra_specs={
        "type": "object",
        "propertyNames": {"pattern": r"^[a-zA-Z0-9-_:. ]{1,255}$"},
        "additionalProperties": {"type": "string", "maxLength": 255},
    },
)
