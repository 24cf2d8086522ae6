"""Nova's list of servers as a query on rows: filters, sort keys, limit and marker, and what it says to wrong ones.

Used by the two lists in `servers`. Which filters a caller may use depends on the microversion and on his role; others
are left out of account as Nova does it (34.0.0 `compute/servers.py` _get_servers, remove_invalid_options).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import orjson

from vregion.api.compute.links import page_size
from vregion.api.http import Call
from vregion.api.schemas.compute.servers import IGNORED_SORT_KEYS, JOINED
from vregion.model.microversion import Microversion
from vregion.model.refusals import Forbidden, Invalid
from vregion.model.resource import Kind
from vregion.region.resources import Filter, Query

# The status that each vm_state shows when no task is under way.
STATUS = {
    "active": "ACTIVE", "building": "BUILD", "stopped": "SHUTOFF", "resized": "VERIFY_RESIZE", "paused": "PAUSED",
    "suspended": "SUSPENDED", "rescued": "RESCUE", "error": "ERROR", "deleted": "DELETED", "shelved": "SHELVED",
    "soft-delete": "SOFT_DELETED", "shelved_offloaded": "SHELVED_OFFLOADED",
}  # fmt: skip
_BUSY = frozenset({"REBOOT", "HARD_REBOOT", "PASSWORD", "REBUILD", "MIGRATING", "RESIZE", "REVERT_RESIZE"})
_TAGS = ("tags", "tags-any", "not-tags", "not-tags-any")
# (since, filters that a caller may use who is no admin)
_ALLOWED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("2.1", ("reservation_id", "name", "status", "image", "flavor", "ip", "changes-since", "all_tenants")),
    ("2.5", ("ip6",)),
    ("2.26", _TAGS),
    ("2.66", ("changes-before",)),
    ("2.73", ("locked",)),
    ("2.83", ("availability_zone", "config_drive", "key_name", "created_at", "launched_at", "terminated_at",
              "power_state", "task_state", "vm_state", "progress", "user_id")),
    ("2.90", ("hostname",)),
)  # fmt: skip
_EQUAL = {
    "image": "image_ref", "image_ref": "image_ref", "flavor": "flavor_ref", "user_id": "user_id",
    "vm_state": "vm_state", "task_state": "task_state", "uuid": "id",
    "reservation_id": "reservation_id", "project_id": "project_id", "tenant_id": "project_id",
    "auto_disk_config": "disk_config",
}  # fmt: skip
_MATCHED = {
    "name": "name", "display_name": "name", "availability_zone": "availability_zone", "key_name": "key_name",
    "description": "description", "display_description": "description", "hostname": "hostname",
    "launched_at": "launched_at", "terminated_at": "terminated_at", "access_ip_v4": "access_ip_v4",
    "access_ip_v6": "access_ip_v6",
}  # fmt: skip
_NUMBERS = ("power_state", "progress", "launch_index")
# A virtual region has no hosts.
_NOWHERE = ("host", "node", "kernel_id", "ramdisk_id", "root_device_name", "locked_by")
_SORTED_BY = {
    "created_at": "created_at", "updated_at": "updated_at", "display_name": "name", "uuid": "id",
    "availability_zone": "availability_zone", "project_id": "project_id", "user_id": "user_id",
    "display_description": "description", "hostname": "hostname", "image_ref": "image_ref",
    "instance_type_id": "flavor_ref", "key_name": "key_name", "config_drive": "config_drive",
    "access_ip_v4": "access_ip_v4", "access_ip_v6": "access_ip_v6", "launch_index": "launch_index",
    "launched_at": "launched_at", "vm_state": "vm_state", "task_state": "task_state",
    "power_state": "power_state", "locked": "locked", "locked_by": "locked", "progress": "progress",
    "auto_disk_config": "disk_config",
}  # fmt: skip
_YES = frozenset({"1", "t", "true", "on", "y", "yes"})
_NO = frozenset({"0", "f", "false", "off", "n", "no"})
NOTHING = Filter("id", [], "in")


def query(call: Call, asked: Mapping[str, Sequence[str]], list_rule: str) -> Query:
    """The page that the request asks for. Raises Invalid and Forbidden in Nova's words."""
    options = _permitted(call, asked)
    if bad := [name for name in options if name in JOINED or name.startswith("_")]:
        raise Invalid(f"Invalid filter field: {bad[0]}.")
    project_id: str | None = call.project_id
    if _all_tenants(options):
        call.enforce(f"{list_rule}:get_all_tenants")
        project_id = options.get("project_id", options.get("tenant_id"))
    options = {name: value for name, value in options.items() if name not in ("project_id", "tenant_id")}
    kind, also = _kinds(asked, options)
    filters = _statuses(call, asked) + _times(options)
    for name, value in options.items():
        filters += _filter(name, value)
    for name, field in (("ip", "fixed_ips_v4"), ("ip6", "fixed_ips_v6")):
        if name in options:  # the escapes and anchors of a regex are taken off
            filters.append(Filter(field, options[name].replace("\\", "").strip("^$"), "contains"))
    marker = call.query.get("marker")
    if marker == "":
        raise Invalid("marker [] not found")
    return Query(kind, project_id, filters, _sort(call, asked), page_size(call), marker, also=also)


def _permitted(call: Call, asked: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The last value of each filter that this caller may use."""
    given = {name: values[-1] for name, values in asked.items()}
    for name in ("sort_key", "sort_dir", "limit", "marker"):
        given.pop(name, None)
    if call.caller.is_admin:
        return given
    allowed = {n for since, names in _ALLOWED if call.microversion >= _version(since) for n in names}
    return {name: value for name, value in given.items() if name in allowed}


def _version(text: str) -> Microversion:
    return Microversion(*map(int, text.split(".")))


def _truth(text: str) -> bool | None:
    word = text.strip().lower()
    return True if word in _YES else False if word in _NO else None


def _boolean(text: str) -> bool:
    """Raises Invalid in the words of oslo.utils."""
    truth = _truth(text)
    if truth is None:
        known = ", ".join(repr(word) for word in sorted(_YES | _NO))
        raise Invalid(f"Unrecognized value '{text}', acceptable values are: {known}")
    return truth


def _all_tenants(options: Mapping[str, str]) -> bool:
    """An empty value means yes (nova 34.0.0 `common.py` is_all_tenants)."""
    value = options.get("all_tenants")
    if value is None:
        return False
    return value == "" or _boolean(value)


def _statuses(call: Call, asked: Mapping[str, Sequence[str]]) -> list[Filter]:
    """A status finds the servers that show it, and those in its vm_state whatever task is under way."""
    if "status" not in asked:
        return []
    wanted = {status.upper() for status in asked["status"]}
    known = wanted & (_BUSY | set(STATUS.values()))
    if not known:
        if call.microversion >= _version("2.38"):
            raise Invalid("Invalid status value")
        return [NOTHING]
    if known == {"DELETED"} and not call.caller.is_admin:
        raise Forbidden("Only administrators may list deleted instances")
    states = [state for state, status in STATUS.items() if status in known]
    return [Filter("", [Filter("status", sorted(known), "in"), Filter("vm_state", states, "in")], "any")]


def _times(options: Mapping[str, str]) -> list[Filter]:
    times = {name: _time(options[name]) for name in ("changes-since", "changes-before") if name in options}
    if len(times) == 2 and times["changes-before"] < times["changes-since"]:
        raise Invalid("The value of changes-since must be less than or equal to changes-before.")
    operators = {"changes-since": "ge", "changes-before": "le"}
    return [Filter("updated_at", at, operators[name]) for name, at in times.items()]


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _kinds(asked: Mapping[str, Sequence[str]], options: Mapping[str, str]) -> tuple[Kind, Kind | None]:
    """Servers, deleted ones, or both: who asks for changes is shown deletions, unless an admin has said which he wants
    (nova 34.0.0 `compute/servers.py` _get_servers).
    """
    if {status.upper() for status in asked.get("status", ())} == {"DELETED"} or _truth(options.get("deleted", "no")):
        return Kind.DELETED_SERVER, None
    changes = "changes-since" in options or "changes-before" in options
    return Kind.SERVER, Kind.DELETED_SERVER if changes and "deleted" not in options else None


def _filter(name: str, value: str) -> list[Filter]:
    if name in _EQUAL:
        return [Filter(_EQUAL[name], value)]
    if name in _MATCHED:
        return [Filter(_MATCHED[name], value, "matches")]
    if name in _NUMBERS:
        return [Filter(name, int(value))] if value.isdigit() else [NOTHING]
    if name in _TAGS:
        return _tags(name, value.split(","))
    if name == "locked":
        return [Filter("locked", _boolean(value))]
    if name == "config_drive":
        return [Filter("config_drive", True, "eq" if _truth(value) else "ne")]
    if name == "created_at":
        return [Filter("created_at", _time(value))]
    return [NOTHING] if name in _NOWHERE else []


def _tags(name: str, tags: Sequence[str]) -> list[Filter]:
    """Tags are a JSON array in the row: one that has a tag has its quoted form in the text."""
    each = [Filter("tags", orjson.dumps(tag).decode(), "contains") for tag in tags]
    wanted = [Filter("", each, "any")] if name.endswith("-any") else each
    return [Filter("", wanted, "not")] if name.startswith("not-") else wanted


def _sort(call: Call, asked: Mapping[str, Sequence[str]]) -> list[tuple[str, bool]]:
    """Sort keys with their directions; some keys Nova takes and leaves out of account. Of equals the lowest id is
    first, in either direction (34.0.0 `nova/compute/instance_list.py` InstanceSortContext).
    """
    pairs: list[tuple[str, str]] = []
    directions = [direction.strip() for direction in asked.get("sort_dir", ())]
    keys = list(asked.get("sort_key", ())) or ["created_at"]
    directions = directions or ["desc"]
    for at, key in enumerate(keys):
        direction = directions[at] if at < len(directions) else directions[0]
        if key in ("host", "node") and not call.caller.is_admin:
            raise Forbidden(f"Only administrators can sort servers by {key}")
        if key not in IGNORED_SORT_KEYS or (key == "locked" and call.microversion >= _version("2.73")):
            pairs.append((key, direction))
    if len(directions) > len(keys):
        raise Invalid("Invalid input received: Sort direction size exceeds sort key size")
    if any(direction not in ("asc", "desc") for _, direction in pairs):
        raise Invalid("Invalid input received: Unknown sort direction, must be 'desc' or 'asc'")
    order = [(_SORTED_BY[key], direction == "asc") for key, direction in pairs if key in _SORTED_BY]
    return [*order, ("id", True)] if dict(order).keys() - {"created_at", "id"} else order or [("created_at", False)]
