"""What each microversion changed in a server as it is shown: one line per change, newest first.

The stored document is the newest form. `older` undoes, line by line, what came after the microversion that a caller
asked for; `Rendering` does the same to a document as it is stored, without parsing it. Used by the servers' handlers;
the facts are nova 34.0.0 `compute/views/servers.py` and `rest_api_version_history.rst`. What a change of the request's
form was is in the schemas.
"""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

import orjson

from vregion.model.microversion import Microversion
from vregion.region.server_documents import APART

Document = dict[str, Any]
Undo = Callable[[Any, str, str], Any]  # (what it is since, the flavor's id, the service's root URL) -> what it was


def _image_without_properties(image: Any, flavor_id: str, root: str) -> Any:
    return {key: value for key, value in image.items() if key != "properties"} if image else image


def _linked_flavor(flavor: Any, flavor_id: str, root: str) -> Any:
    return {"id": flavor_id, "links": [{"rel": "bookmark", "href": f"{root}/flavors/{flavor_id}"}]}


def _volumes_by_id(volumes: Any, flavor_id: str, root: str) -> Any:
    return [{"id": volume["id"]} for volume in volumes]


def _version(text: str) -> Microversion:
    return Microversion(*map(int, text.split(".")))


# (the microversion, what it brought or changed, what that was before; None: it was not there)
CHANGES: tuple[tuple[Microversion, str, Undo | None], ...] = (
    (_version("2.100"), "scheduler_hints", None),
    (_version("2.98"), "image", _image_without_properties),
    (_version("2.96"), "pinned_availability_zone", None),
    (_version("2.90"), "OS-EXT-SRV-ATTR:hostname", None),
    (_version("2.73"), "locked_reason", None),
    (_version("2.71"), "server_groups", None),
    (_version("2.63"), "trusted_image_certificates", None),
    (_version("2.47"), "flavor", _linked_flavor),
    (_version("2.26"), "tags", None),
    (_version("2.19"), "description", None),
    (_version("2.9"), "locked", None),
    (_version("2.3"), "os-extended-volumes:volumes_attached", _volumes_by_id),
)
OLDEST = Microversion(2, 1)
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
    for name, undo in _undone(version):
        if name in document:
            value = document.pop(name)
            if undo is not None:
                document[name] = undo(value, flavor_id, root)
    return document


@cache
def _undone(version: Microversion) -> tuple[tuple[str, Undo | None], ...]:
    return tuple((name, undo) for since, name, undo in CHANGES if version < since)


class Rendering:
    """Stored documents at one microversion, ready to send, with what else a caller sees of each."""

    def __init__(self, root: str, version: Microversion) -> None:
        self._root = root
        self._version = version
        undone = _undone(version)
        self._undone = len(undone)  # lines: the last ones, with the bracket that ends the document
        before = len(APART) - len(undone) - 1
        self._altered = [(APART.index(name) - before, name) for name, undo in undone if undo is not None]

    def __call__(self, document: bytes, flavor_id: str, more: Mapping[str, Any] | None = None) -> bytes:
        """One of them."""
        if not self._undone:
            return b"%s,%s}" % (document[:-1], orjson.dumps(more)[1:-1]) if more else document
        lines = document.rsplit(b"\n", self._undone)
        if len(lines) <= self._undone:  # written before its parts had lines
            shown = older(orjson.loads(document), flavor_id, self._root, self._version)
            return orjson.dumps({**shown, **(more or {})})
        parts = lines[:1]
        for at, name in self._altered:
            if line := lines[at]:
                parts.append(_was(line, name, flavor_id, self._root))
        if more:
            parts += (b",", orjson.dumps(more)[1:-1])
        parts.append(b"}")
        return b"".join(parts)


@lru_cache(1024)
def _was(line: bytes, name: str, flavor_id: str, root: str) -> bytes:
    """A line before the change; most servers have one that another has, too."""
    return b"," + orjson.dumps(older({name: orjson.loads(b"{%s}" % line[1:])[name]}, flavor_id, root, OLDEST))[1:-1]


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
