"""What an OpenStack service's answer, or its silence, means to vregion: the one place where errors are mapped.

Called by the session and the services for every answer from 300 on (none of them redirects) and for every failure
below HTTP. It must never take an illness of the backend for the end of a resource: `Gone` needs the service's own
JSON fault that names the id.

Facts it rests on (2026.2 sources): Nova refuses quota with 403 and the word in the message (nova/exception.py,
`TooManyInstances`; `KeypairLimitExceeded` and the like), Neutron with 409 and type `OverQuota` (neutron_lib
exceptions), Cinder and Glance with 413 (cinder/exception.py `QuotaError`; glance/api/v2/image_data.py `upload`).
A path that no service knows is answered by webob or Pecan as "The resource could not be found."
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from vregion.drivers.contract import DriverError, Exhausted, Gone, Permanent, Transient

_NO_SUCH_PATH = "The resource could not be found."
_QUOTA = re.compile(r"quota|limit exceeded|maximum number of .* exceed", re.IGNORECASE)
_ROOM = re.compile(r"OverQuota|QuotaExceeded|IpAddressGenerationFailure|NoNetworkAvailable")

# Refusals that end by themselves, as (status, what the fault's name or words look like):
_PASSING = (
    # nova/compute/api.py check_instance_state: metadata, for one, cannot be changed while the server is being built.
    (409, re.compile(r"while it is in (vm_state|task_state)")),
    # nova/objects/instance.py save(expected_task_state=...): two requests met on one server.
    (409, re.compile(r"UnexpectedTaskStateError|instance_uuid .* is already in use")),
    # neutron/db/securitygroups_db.py _check_for_duplicate_rules: someone added it since we looked.
    (409, re.compile(r"SecurityGroupRuleExists")),
)
# ... and those that end when the users of a thing have gone, so that its deletion stands:
_PASSING_DELETE = (
    # neutron_lib/exceptions InUse: ports and servers go after the answer to their own deletion.
    (409, re.compile(r"InUse")),
    # cinder/volume/api.py delete(): 400 while the volume is attached, detaching, creating or has snapshots.
    (400, re.compile(r"Invalid (volume|snapshot): ", re.IGNORECASE)),
    # glance/api/v2/images.py delete(): a store still has clones of it.
    (409, re.compile(r"in use", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that was read to its end. `body` is None when it was no JSON object."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: dict[str, Any] | None

    def part(self, name: str) -> Any:
        """What a successful answer holds under a name; an answer without it is not one of the service."""
        if self.body is None or name not in self.body:
            raise Transient(f"not an answer of the service: {self.method} {self.url} was answered without {name!r}")
        return self.body[name]


@dataclass(frozen=True, slots=True)
class Fault:
    """A service's own account of a refusal: Neutron's type or Nova's fault name, and the words."""

    name: str
    message: str


def fault_of(body: dict[str, Any] | None) -> Fault | None:
    """The fault in one of the forms that Nova and Cinder, Neutron, Keystone and Glance have; None in any other."""
    if not body:
        return None
    if isinstance(body.get("message"), str) and "title" in body:  # webob's JSON: Glance, and middleware anywhere
        return Fault(str(body["title"]), re.sub(r"(<br />|\s)+", " ", body["message"]).strip())
    name, inner = next(iter(body.items()))
    if name == "NeutronError" and isinstance(inner, str):  # before Kilo, and where translation fails
        return Fault(name, inner)
    if isinstance(inner, dict) and isinstance(inner.get("message"), str):
        return Fault(str(inner.get("type") or inner.get("title") or name), inner["message"])
    return None


def error_of(reply: Reply, own: str | None = None) -> DriverError:
    """The error that a reply from 300 on means. `own` is the external id in its path, when it has one."""
    fault = fault_of(reply.body)
    text = fault.message if fault else f"{reply.method} {reply.url} was answered with {reply.status}"
    if reply.status < 400 or reply.status >= 500 or reply.status in (401, 408, 429):
        return Transient(text, _retry_after(reply))
    if reply.status == 404:
        return _not_found(fault, text, own)
    if fault and _is_exhausted(reply.status, fault):
        return Exhausted(text)
    if fault and _passes(reply, fault):
        return Transient(text, _retry_after(reply))
    return Permanent(text, reply.status)


def unreachable(error: Exception, url: str) -> Transient:
    """The error that a failure below HTTP means."""
    words = str(error) or type(error).__name__
    was_there = isinstance(error, (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError))
    unsent = isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError))
    return Transient(f"{url}: {words}", reachable=was_there, in_doubt=not unsent)


def _not_found(fault: Fault | None, text: str, own: str | None) -> DriverError:
    if fault is None or fault.message.startswith(_NO_SUCH_PATH):
        return Transient(f"not an answer of the service: {text}")
    if own and names_missing(fault.message, own):
        return Gone(text)
    return Permanent(text, 404)


def names_missing(message: str, external_id: str) -> bool:
    """Whether the words say that exactly this id does not exist (and not, say, that it lacks a tag)."""
    quoted = re.escape(external_id)
    # "Instance <id> could not be found.", but not "Active live migration for instance <id> not found".
    named = rf"^(\w+ ){{0,2}}'?{quoted}'? (could not be found|does not exist|not found|has no mapping to a cell)"
    asked = rf"^(No image found with ID|Failed to find image|Could not find \w+:) {quoted}\b"
    return bool(re.search(named, message) or re.search(asked, message))


def _is_exhausted(status: int, fault: Fault) -> bool:
    if status == 413:
        return True
    return bool((status == 403 and _QUOTA.search(fault.message)) or (status == 409 and _ROOM.search(fault.name)))


def _passes(reply: Reply, fault: Fault) -> bool:
    known = _PASSING + (_PASSING_DELETE if reply.method == "DELETE" else ())
    return any(
        reply.status == status and (form.search(fault.message) or form.search(fault.name)) for status, form in known
    )


def _retry_after(reply: Reply) -> float | None:
    value = reply.headers.get("Retry-After", "")
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
