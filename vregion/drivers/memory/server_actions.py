"""Server actions and the state machine below them: which vm_state allows what, in Nova's words where it does not.

The states are those of nova/compute/api.py (33.0), `check_instance_state` of each action. `TABLE` is the machine; an
action that needs more than a change of state has a function here.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vregion.drivers.contract import Answer, Flavor, Permanent
from vregion.drivers.memory import attachments
from vregion.drivers.memory.cloud import MemoryCloud, Row
from vregion.drivers.memory.images import Images
from vregion.model.resource import Kind

if TYPE_CHECKING:
    from vregion.drivers.memory.servers import Servers

# vm_state: (status, power_state)
_SHOWN = {
    "building": ("BUILD", 0), "active": ("ACTIVE", 1), "stopped": ("SHUTOFF", 4), "paused": ("PAUSED", 3),
    "suspended": ("SUSPENDED", 4), "resized": ("VERIFY_RESIZE", 1), "rescued": ("RESCUE", 1), "error": ("ERROR", 0),
    "shelved": ("SHELVED", 4), "shelved_offloaded": ("SHELVED_OFFLOADED", 4),
}  # fmt: skip
_BUSY = {"rebooting": "REBOOT", "rebooting_hard": "HARD_REBOOT", "resize_prep": "RESIZE", "rebuilding": "REBUILD",
         "resize_reverting": "REVERT_RESIZE", "updating_password": "PASSWORD"}  # fmt: skip
_RUN = frozenset({"active", "stopped", "paused", "suspended"})


@dataclass(frozen=True, slots=True)
class Action:
    """From which states, by which task, to which state (None: back to where it was), answered by which status."""

    states: frozenset[str]
    task: str
    becomes: str | None
    status: int = 202
    verb: str | None = None


TABLE = {
    "os-start": Action(frozenset({"stopped"}), "powering-on", "active", verb="start"),
    "os-stop": Action(frozenset({"active", "error"}), "powering-off", "stopped", verb="stop"),
    "pause": Action(frozenset({"active"}), "pausing", "paused"),
    "unpause": Action(frozenset({"paused"}), "unpausing", "active"),
    "suspend": Action(frozenset({"active"}), "suspending", "suspended"),
    "resume": Action(frozenset({"suspended"}), "resuming", "active"),
    "reboot": Action(frozenset({"active"}), "rebooting", "active"),
    "resize": Action(frozenset({"active", "stopped"}), "resize_prep", "resized"),
    "confirmResize": Action(frozenset({"resized"}), "", "active", status=204),
    "revertResize": Action(frozenset({"resized"}), "resize_reverting", "active"),
    "rebuild": Action(frozenset({"active", "stopped", "error"}), "rebuilding", "active"),
    "rescue": Action(frozenset({"active", "stopped", "error"}), "rescuing", "rescued", status=200),
    "unrescue": Action(frozenset({"rescued"}), "unrescuing", "active"),
    "shelve": Action(_RUN, "shelving", "shelved_offloaded"),
    "shelveOffload": Action(frozenset({"shelved"}), "shelving_offloading", "shelved_offloaded"),
    "unshelve": Action(frozenset({"shelved", "shelved_offloaded"}), "unshelving", "active"),
    "changePassword": Action(frozenset({"active"}), "updating_password", None),
    "trigger_crash_dump": Action(frozenset({"active", "paused", "rescued", "resized", "error"}), "", None),
    "createImage": Action(_RUN, "image_snapshot", None),
}
HARD_REBOOT = Action(_RUN | {"error"}, "rebooting_hard", "active")


def set_state(document: dict[str, Any], vm_state: str, task: str | None = None) -> None:
    """The four fields that show where a server stands; nothing overtakes a deletion."""
    if document.get("OS-EXT-STS:task_state") == "deleting":
        return
    status, power = _SHOWN[vm_state]
    document |= {
        "status": _BUSY.get(task or "", status),
        "OS-EXT-STS:vm_state": vm_state,
        "OS-EXT-STS:task_state": task,
        "OS-EXT-STS:power_state": power,
    }
    if vm_state != "error":
        document.pop("fault", None)


def act(servers: "Servers", row: Row, body: dict[str, Any]) -> Answer:
    """One POST to a server's /action."""
    name, given = next(iter(body.items()), ("", None))
    given = given if isinstance(given, dict) else {}
    if simple := _SIMPLE.get(name):
        return simple(servers, row, given)
    if name not in TABLE:
        raise Permanent(f"There is no such action: {name}")
    if name == "reboot" and given["type"] not in ("SOFT", "HARD"):
        raise Permanent(f"Invalid input for field/attribute type. Value: {given['type']}.")
    action = HARD_REBOOT if name == "reboot" and given["type"] == "HARD" else TABLE[name]
    require_state(row, action.states, action.verb or name)
    if name != "createImage":
        refuse_locked(row)
    before = row.document["OS-EXT-STS:vm_state"]
    prepare = _PREPARE.get(name)
    effect, answer = prepare(servers, row, given) if prepare else (None, None)
    if name in ("revertResize", "confirmResize"):
        after = row.extra["resized_from"]
    else:
        after = "stopped" if name == "rebuild" and before == "stopped" else action.becomes or before
    set_state(row.document, before, action.task or None)
    servers.cloud.touch(row)

    def done() -> None:
        if effect:
            effect()
        set_state(row.document, after)

    if action.task:
        servers.cloud.later(row, done)
    else:
        done()
    return Answer(action.status, answer(row) if answer else None)


def require_state(row: Row, states: frozenset[str], verb: str) -> None:
    """Nova's 409 when the server is elsewhere, or on its way."""
    for name, allowed in (("vm_state", states), ("task_state", (None,))):
        if (there := row.document[f"OS-EXT-STS:{name}"]) not in allowed:
            raise Permanent(f"Cannot '{verb}' instance {row.id} while it is in {name} {there}", 409)


def refuse_locked(row: Row) -> None:
    """A locked server answers so to anybody but an admin, its own owner included."""
    if row.document["locked"]:
        raise Permanent(f"Instance {row.id} is locked", 409)


def flavor_of(cloud: MemoryCloud, external_id: str) -> Flavor:
    """The flavor that a body names."""
    if flavor := cloud.flavors.get(str(external_id)):
        return flavor
    raise Permanent(f"Flavor {external_id} could not be found.")


def flavor_document(flavor: Flavor) -> dict[str, Any]:
    """A flavor as a server shows it since 2.47."""
    shown = {name: getattr(flavor, name) for name in ("vcpus", "ram", "disk", "ephemeral", "swap")}
    return shown | {"original_name": flavor.name, "extra_specs": dict(flavor.extra_specs)}


def image_of(cloud: MemoryCloud, project: str, external_id: str) -> Row:
    """The active image that a body names."""
    image = cloud.visible(Kind.IMAGE, external_id, project)
    if image is None:
        raise Permanent("Can not find requested image")
    if image.document["status"] != "active":
        raise Permanent(f"Image {external_id} is not active.")
    return image


Effect = Callable[[], None]
Reply = Callable[[Row], dict[str, Any]]
Prepared = tuple[Effect | None, Reply | None]


def _resize(servers: "Servers", row: Row, given: dict[str, Any]) -> Prepared:
    flavor = flavor_of(servers.cloud, given["flavorRef"])
    old: Flavor = row.extra["flavor"]
    if flavor.external_id == old.external_id:
        raise Permanent("When resizing, instances must change flavor!")
    row.extra |= {"old_flavor": old, "resized_from": row.document["OS-EXT-STS:vm_state"]}
    return lambda: _set_flavor(row, flavor), None


def _revert(servers: "Servers", row: Row, given: dict[str, Any]) -> Prepared:
    return lambda: _set_flavor(row, row.extra["old_flavor"]), None


def _set_flavor(row: Row, flavor: Flavor) -> None:
    row.extra["flavor"] = flavor
    row.document["flavor"] = flavor_document(flavor)


def _rebuild(servers: "Servers", row: Row, given: dict[str, Any]) -> Prepared:
    image = image_of(servers.cloud, servers.project, given["imageRef"])
    fields = {name: given[name] for name in ("name", "metadata", "description", "key_name") if name in given}
    row.document |= fields | {"image": {"id": image.id, "properties": {}}}
    row.extra["content"] = image.extra["content"]
    password = {"adminPass": given.get("adminPass") or secrets.token_urlsafe(9)}
    return None, lambda row: {"server": servers.render(row) | password}


def _rescue(servers: "Servers", row: Row, given: dict[str, Any]) -> Prepared:
    return None, lambda row: {"adminPass": given.get("adminPass") or secrets.token_urlsafe(9)}


def _create_image(servers: "Servers", row: Row, given: dict[str, Any]) -> Prepared:
    properties = {str(name): str(value) for name, value in given.get("metadata", {}).items()}
    body = properties | {"name": given["name"], "visibility": "private", "image_type": "snapshot"}
    images = Images(servers.cloud, servers.project)
    image = images.of_content(body | {"instance_uuid": row.id}, row.extra["content"])
    return None, lambda row: {"image_id": image.id}


def _shelve(servers: "Servers", row: Row, given: dict[str, Any]) -> Prepared:
    """The disk becomes an image, unless it is a volume; volumes are reserved and no longer attached."""

    def shelved() -> None:
        attachments.reserve_all(servers.cloud, row)
        if row.document["image"] == "":
            return
        images = Images(servers.cloud, servers.project)
        body = {"name": f"{row.document['name']}-shelved", "visibility": "private", "instance_uuid": row.id}
        body |= {"image_type": "snapshot", "disk_format": "raw", "container_format": "bare"}
        image = images.make(body, None)
        images.fill(image, row.extra["content"])
        row.extra["shelved_image"] = image.id

    return shelved, None


def _unshelve(servers: "Servers", row: Row, given: dict[str, Any]) -> Prepared:

    def unshelved() -> None:
        attachments.attach_all(servers.cloud, row)
        forget_shelved(servers.cloud, row)

    return unshelved, None


def forget_shelved(cloud: MemoryCloud, row: Row) -> None:
    """The image of a shelved server goes when it comes back, and with it."""
    if image := cloud.rows[Kind.IMAGE].get(row.extra.pop("shelved_image", "")):
        cloud.remove(image)


def _lock(servers: "Servers", row: Row, given: dict[str, Any]) -> Answer:
    row.document |= {"locked": True, "locked_reason": given.get("locked_reason")}
    servers.cloud.touch(row)
    return Answer(202, None)


def _unlock(servers: "Servers", row: Row, given: dict[str, Any]) -> Answer:
    row.document |= {"locked": False, "locked_reason": None}
    servers.cloud.touch(row)
    return Answer(202, None)


def _console(servers: "Servers", row: Row, given: dict[str, Any]) -> Answer:
    lines = [f"{row.document['name']} booting in {servers.cloud.name}", f"{row.document['name']} login:"]
    length = given.get("length")
    return Answer(200, {"output": "\n".join(lines if length is None or int(length) < 0 else lines[-int(length) :])})


def _security_group(add: bool) -> Callable[["Servers", Row, dict[str, Any]], Answer]:
    def change(servers: "Servers", row: Row, given: dict[str, Any]) -> Answer:
        named = [
            group.id
            for group in servers.cloud.of(Kind.SECURITY_GROUP, servers.project)
            if given["name"] in (group.id, group.document["name"])
        ]
        if not named:
            raise Permanent(f"Security group {given['name']} is not found for project {servers.project}", 404)
        for port in row.extra["ports"]:
            others = [group for group in port.document["security_groups"] if group != named[0]]
            port.document["security_groups"] = [*others, named[0]] if add else others
            servers.cloud.touch(port)
        return Answer(202, None)

    return change


_PREPARE: dict[str, Callable[["Servers", Row, dict[str, Any]], Prepared]] = {
    "resize": _resize, "revertResize": _revert, "rebuild": _rebuild, "rescue": _rescue, "createImage": _create_image,
    "shelve": _shelve, "unshelve": _unshelve,
}  # fmt: skip
_SIMPLE: dict[str, Callable[["Servers", Row, dict[str, Any]], Answer]] = {
    "lock": _lock, "unlock": _unlock, "os-getConsoleOutput": _console,
    "addSecurityGroup": _security_group(True), "removeSecurityGroup": _security_group(False),
}  # fmt: skip
