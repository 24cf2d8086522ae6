"""What each microversion changed in a server as it is shown: one line per change, newest first.

The stored document is the newest form. `older` undoes, line by line, what came after the microversion that a caller
asked for. Used by the servers' handlers; the facts are nova 34.0.0 `compute/views/servers.py` and
`rest_api_version_history.rst`. What a change of the request's form was is in the schemas.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import orjson

from vregion.model.microversion import Microversion

Document = dict[str, Any]
Undo = Callable[[Document, str, str], None]  # (document, the flavor's id, the service's root URL)


def _without(name: str) -> Undo:
    def undo(document: Document, flavor_id: str, root: str) -> None:
        document.pop(name, None)

    return undo


def _image_without_properties(document: Document, flavor_id: str, root: str) -> None:
    if document.get("image"):
        document["image"] = {key: value for key, value in document["image"].items() if key != "properties"}


def _linked_flavor(document: Document, flavor_id: str, root: str) -> None:
    if "flavor" in document:
        bookmark = {"rel": "bookmark", "href": f"{root}/flavors/{flavor_id}"}
        document["flavor"] = {"id": flavor_id, "links": [bookmark]}


def _volumes_by_id(document: Document, flavor_id: str, root: str) -> None:
    name = "os-extended-volumes:volumes_attached"
    if name in document:
        document[name] = [{"id": volume["id"]} for volume in document[name]]


def _version(text: str) -> Microversion:
    return Microversion(*map(int, text.split(".")))


# (the microversion that brought it, how to take it away again)
CHANGES: tuple[tuple[Microversion, Undo], ...] = (
    (_version("2.100"), _without("scheduler_hints")),
    (_version("2.98"), _image_without_properties),
    (_version("2.96"), _without("pinned_availability_zone")),
    (_version("2.90"), _without("OS-EXT-SRV-ATTR:hostname")),
    (_version("2.73"), _without("locked_reason")),
    (_version("2.71"), _without("server_groups")),
    (_version("2.63"), _without("trusted_image_certificates")),
    (_version("2.47"), _linked_flavor),
    (_version("2.26"), _without("tags")),
    (_version("2.19"), _without("description")),
    (_version("2.9"), _without("locked")),
    (_version("2.3"), _volumes_by_id),
)
NEWEST = CHANGES[0][0]  # from here on the stored document is sent as it is
FULL_ANSWERS = _version("2.75")  # before it, an update and a rebuild show a part only

_PART = frozenset({
    "id", "name", "status", "tenant_id", "user_id", "metadata", "hostId", "image", "flavor", "created", "updated",
    "addresses", "accessIPv4", "accessIPv6", "links", "OS-DCF:diskConfig", "progress", "fault", "locked",
    "locked_reason", "description", "tags", "trusted_image_certificates", "server_groups",
})  # fmt: skip
_OF_ADDRESS = ("addr", "version")


def older(document: Document, flavor_id: str, root: str, version: Microversion) -> Document:
    """The document as that microversion has it; the given one is changed."""
    for undo in _undone(version):
        undo(document, flavor_id, root)
    return document


@cache
def _undone(version: Microversion) -> tuple[Undo, ...]:
    return tuple(undo for since, undo in CHANGES if version < since)


def rendered(
    document: bytes, flavor_id: str, root: str, version: Microversion, more: Mapping[str, Any] | None = None
) -> bytes:
    """The same for a stored document and what else a caller sees, ready to send."""
    if version >= NEWEST and not more:
        return document
    shown = orjson.loads(document)
    shown.update(more or {})
    return orjson.dumps(older(shown, flavor_id, root, version))


def part(document: Document, version: Microversion, also: tuple[str, ...] = ()) -> Document:
    """What an update or a rebuild answers: everything from 2.75 on, a part and bare addresses before."""
    if version >= FULL_ANSWERS:
        return document
    shown = {key: value for key, value in document.items() if key in _PART or key in also}
    shown["addresses"] = {
        network: [{key: one[key] for key in _OF_ADDRESS} for one in known]
        for network, known in document["addresses"].items()
    }
    return shown
