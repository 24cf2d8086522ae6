"""What a server shows: the document of a new one, and what an observation or a change makes of it. Pure.

Called by `vregion.region.servers`, `server_boots` and `deleted_servers` alone. The canonical form is the list's, at the
newest microversion that a tenant sees (nova 34.0.0 `compute/views/servers.py`); a show adds `server_groups` to it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import orjson

Document = dict[str, Any]

# What older microversions lack or show otherwise, oldest first.
APART = (
    "os-extended-volumes:volumes_attached", "locked", "description", "tags", "flavor", "trusted_image_certificates",
    "server_groups", "locked_reason", "OS-EXT-SRV-ATTR:hostname", "pinned_availability_zone", "image",
    "scheduler_hints",
)  # fmt: skip

# Taken from the backend as they are; all else is ours.
TAKEN = (
    "status",
    "hostId",
    "OS-EXT-STS:task_state",
    "OS-EXT-STS:vm_state",
    "OS-EXT-STS:power_state",
    "OS-SRV-USG:launched_at",
    "OS-SRV-USG:terminated_at",
    "OS-EXT-SRV-ATTR:hostname",
    "config_drive",
    "locked",
    "locked_reason",
)


HOSTNAME = "vregion:hostname"  # in the spec the one that there is; `hostname` there is the one that was asked for


def searched(document: Document) -> dict[str, str]:
    """What lists look into, for the server's spec: the fixed addresses, one a line, and the hostname."""
    fixed = [one for known in document["addresses"].values() for one in known if one["OS-EXT-IPS:type"] == "fixed"]
    addresses = {f"fixed_ips_v{v}": "\n".join(one["addr"] for one in fixed if one["version"] == v) for v in (4, 6)}
    return addresses | {HOSTNAME: document["OS-EXT-SRV-ATTR:hostname"]}


def stored(document: Document) -> bytes:
    """As it is stored and sent: each part of `APART` on a line of its own (empty without it), after all else. orjson
    writes no line ends, so that older forms are made of the lines, and nothing is parsed.
    """
    first = orjson.dumps({key: value for key, value in document.items() if key not in APART})[:-1]
    apart = (b',"%s":%s' % (key.encode(), orjson.dumps(document[key])) if key in document else b"" for key in APART)
    return b"\n".join((first, *apart)) + b"}"


def wire_time(at: datetime) -> str:
    """Nova's times."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def links(base: str, collection: str, resource_id: str) -> list[dict[str, str]]:
    """self with the API's version, bookmark without."""
    return [
        {"rel": "self", "href": f"{base}/{collection}/{resource_id}"},
        {"rel": "bookmark", "href": f"{root(base)}/{collection}/{resource_id}"},
    ]


def root(base: str) -> str:
    """The service's URL without the version."""
    return base.rpartition("/")[0]


def image_link(base: str, image_id: str) -> Document | str:
    """A server without an image (booted from a volume) shows an empty string."""
    if not image_id:
        return ""
    bookmark = {"rel": "bookmark", "href": f"{root(base)}/images/{image_id}"}
    return {"id": image_id, "links": [bookmark], "properties": {}}


def hostname(name: str, server_id: str) -> str:
    """What Nova makes of a name (nova 34.0.0 nova/utils.py sanitize_hostname)."""
    text = name.encode("latin-1", "ignore").decode("latin-1")[:63]
    text = re.sub(r"[^\w.-]+", "", re.sub(r"[ _.]", "-", text)).lower().strip(".-")
    return text or f"server-{server_id}"


def hostname_of(spec: Mapping[str, Any], server_id: str) -> str:
    """A new server's: the one that was asked for, else its name."""
    return spec.get("hostname") or hostname(spec["name"], server_id)


def fresh(
    server_id: str, spec: Mapping[str, Any], owner: tuple[str, str], zone: str, base: str, now: datetime
) -> Document:
    """A server that was just accepted. `owner`: project and user."""
    return {
        "id": server_id,
        "name": spec["name"],
        "status": "BUILD",
        "tenant_id": owner[0],
        "user_id": owner[1],
        "metadata": spec["metadata"],
        "hostId": "",
        "image": image_link(base, spec["imageRef"]),
        "flavor": spec["flavor"],
        "created": wire_time(now),
        "updated": wire_time(now),
        "addresses": {},
        "accessIPv4": spec.get("accessIPv4", ""),
        "accessIPv6": _canonical(spec.get("accessIPv6")),
        "links": links(base, "servers", server_id),
        "OS-DCF:diskConfig": spec["OS-DCF:diskConfig"],
        "progress": 0,
        "OS-EXT-AZ:availability_zone": zone,
        "pinned_availability_zone": spec["pinned_availability_zone"],
        "config_drive": "True" if spec.get("config_drive") else "",
        "key_name": spec.get("key_name"),
        "OS-SRV-USG:launched_at": None,
        "OS-SRV-USG:terminated_at": None,
        "security_groups": [{"name": name} for name in spec["security_groups"]],
        "OS-EXT-SRV-ATTR:hostname": hostname_of(spec, server_id),
        "OS-EXT-STS:task_state": "scheduling",
        "OS-EXT-STS:vm_state": "building",
        "OS-EXT-STS:power_state": 0,
        "os-extended-volumes:volumes_attached": volumes_attached(spec),
        "locked": False,
        "locked_reason": None,
        "description": spec.get("description"),
        "tags": spec.get("tags", []),
        "trusted_image_certificates": spec.get("trusted_image_certificates"),
        "scheduler_hints": spec.get("os:scheduler_hints", {}),
    }


def volumes_attached(spec: Mapping[str, Any]) -> list[Document]:
    """The volumes of a server as its document lists them."""
    return [{"id": v["volumeId"], "delete_on_termination": v["delete_on_termination"]} for v in spec["volumes"]]


def edited(document: Document, spec: Mapping[str, Any]) -> Document:
    """The document after the tenant changed his part of the spec."""
    return document | {
        "name": spec["name"],
        "metadata": spec["metadata"],
        "tags": spec.get("tags", []),
        "description": spec.get("description"),
        "accessIPv4": spec.get("accessIPv4", ""),
        "accessIPv6": _canonical(spec.get("accessIPv6")),
        "OS-DCF:diskConfig": spec["OS-DCF:diskConfig"],
        "OS-EXT-SRV-ATTR:hostname": spec.get("hostname") or document["OS-EXT-SRV-ATTR:hostname"],
        "key_name": spec.get("key_name"),
        "flavor": spec["flavor"],
        "pinned_availability_zone": spec["pinned_availability_zone"],
        "trusted_image_certificates": spec.get("trusted_image_certificates"),
        "os-extended-volumes:volumes_attached": volumes_attached(spec),
    }


def observed(document: Document, seen: Mapping[str, Any], external_id: str) -> Document:
    """The document with the backend's part as it was just seen."""
    shown = document | {key: seen[key] for key in TAKEN if key in seen}
    shown.pop("progress", None)
    shown.pop("fault", None)
    if "progress" in seen:
        shown["progress"] = seen["progress"]
    if seen.get("fault"):
        fault = seen["fault"]
        words = str(fault.get("message", "")).replace(external_id, document["id"])
        shown["fault"] = {"code": fault.get("code", 500), "created": fault.get("created"), "message": words}
    image = seen.get("image")
    if shown["image"] and isinstance(image, dict) and image.get("properties"):
        shown["image"] = shown["image"] | {"properties": image["properties"]}
    return shown


def grouped(document: Document, names: Sequence[str]) -> Document:
    """With the security groups of its ports; without any the key is not there (nova 34.0.0 views/servers.py)."""
    shown = {key: value for key, value in document.items() if key != "security_groups"}
    return shown | ({"security_groups": [{"name": name} for name in names]} if names else {})


def failed(document: Document, words: str, now: datetime) -> Document:
    """The server could not be made, or is gone: ERROR with a fault that the tenant can read."""
    shown = document | {
        "status": "ERROR",
        "fault": {"code": 500, "created": wire_time(now), "message": words},
        "OS-EXT-STS:vm_state": "error",
        "OS-EXT-STS:task_state": None,
        "OS-EXT-STS:power_state": 0,
    }
    shown.pop("progress", None)
    return shown


def deleted(document: Document, now: datetime) -> Document:
    """What lists of changes show of it afterwards (nova 34.0.0 db/main/api.py `instance_destroy`: what goes along)."""
    shown = document | {
        "status": "DELETED",
        "updated": wire_time(now),
        "metadata": {},
        "addresses": {},
        "tags": [],
        "os-extended-volumes:volumes_attached": [],
        "OS-EXT-STS:vm_state": "deleted",
        "OS-EXT-STS:task_state": None,
        "OS-EXT-STS:power_state": 0,
        "OS-SRV-USG:terminated_at": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f"),
    }
    for name in ("progress", "fault", "security_groups"):
        shown.pop(name, None)
    return shown


def _canonical(address: str | None) -> str:
    """An IPv6 address as Nova's database gives it back (oslo.db's IPAddress type): compressed, '' for none."""
    return str(ip_address(address)) if address else ""
