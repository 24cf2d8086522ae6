"""What all kinds of OpenStack resources have in common: the contract's `Collection` over HTTP.

The files named after the resources say what is particular to each; the driver makes them. Nothing here knows a
resource by name, and nothing here is retried.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import quote

from vregion.drivers.contract import Changes, Gone, Observed, Unsupported
from vregion.drivers.openstack.faults import Reply
from vregion.drivers.openstack.marks import Mark
from vregion.drivers.openstack.service import Service
from vregion.drivers.openstack.session import Params

# Backends stamp a change before they commit it, on another host than the one whose clock we read.
OVERLAP = timedelta(seconds=10)
_PAGE = "500"  # Nova needs 5 ms for a server of /servers/detail: a page must stay well inside the time limit

Document = dict[str, Any]


class Resources:
    """One kind of resource. `word` is its name on the wire, `path` its collection's path."""

    word: ClassVar[str]
    path: ClassVar[str]
    list_path: ClassVar[str] = ""
    mark: ClassVar[Mark]

    def __init__(self, service: Service) -> None:
        self.service = service

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed:
        """One POST; whatever could fail beside it belongs before it."""
        reply = await self.service.send("POST", self.path, self.wrap(self.mark.put(mark, body)))
        return self.observe(self.unwrap(reply))

    async def get(self, external_id: str) -> Observed:
        """The resource as it is now."""
        return self.observe(await self.raw(external_id))

    async def find(self, mark: str) -> Observed | None:
        """The oldest that carries the mark."""
        items = [item async for _, page in self.pages(self.mark.query(mark)) for item in page]
        return self.oldest(item for item in items if self.mark.read(item) == mark)

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """Only what differs is sent: some attributes may not be sent at all, equal or not (a port's MAC address)."""
        current = await self.raw(external_id)
        changed = self.changed(current, self.mark.keep(self.mark.read(current), body))
        if not changed:
            return self.observe(current)
        reply = await self.service.send("PUT", self.url(external_id), self.wrap(changed), own=external_id)
        return self.observe(self.unwrap(reply))

    async def delete(self, external_id: str) -> None:
        """Gone already is fine."""
        try:
            await self.service.send("DELETE", self.url(external_id), own=external_id)
        except Gone:
            return

    def url(self, external_id: str) -> str:
        """The resource's path below its service."""
        return f"{self.path}/{quote(external_id, safe='')}"

    async def place(self, external_id: str, path: str, body: Mapping[str, Any]) -> str:
        """Where a live call goes. Raises Unsupported for what this cloud has not."""
        return self.url(external_id) + path

    async def raw(self, external_id: str) -> Document:
        """The backend's own document, mark and all."""
        return self.unwrap(await self.service.send("GET", self.url(external_id), own=external_id))

    async def pages(self, params: Params = ()) -> AsyncIterator[tuple[Reply, list[Document]]]:
        """The listing page by page; a next page is where the answer says that there is one."""
        marker: list[tuple[str, str]] = []
        while True:
            asked = [*params, ("limit", _PAGE), *marker]
            reply = await self.service.send("GET", self.path + self.list_path, params=asked)
            items = self.items(reply)
            yield reply, items
            if not items or not self.has_next(reply.body or {}):
                return
            marker = [("marker", self.identity(items[-1]))]

    def items(self, reply: Reply) -> list[Document]:
        """The documents of a listing's page."""
        found: list[Document] = reply.part(f"{self.word}s")
        return found

    def has_next(self, body: Document) -> bool:
        """Whether a page names a next one, in the manner of Nova, Cinder and Neutron or in Glance's."""
        links = body.get(f"{self.word}s_links") or ()
        return "next" in body or any(link.get("rel") == "next" for link in links)

    def identity(self, document: Document) -> str:
        """The external id of a document."""
        return str(document["id"])

    def wrap(self, document: Document) -> Document:
        """A request's body."""
        return {self.word: document}

    def unwrap(self, reply: Reply) -> Document:
        """The document of an answer."""
        found: Document = reply.part(self.word)
        return found

    def observe(self, document: Document) -> Observed:
        """What the backend said, in the contract's terms and without the mark."""
        return Observed(
            self.identity(document),
            self.mark.hide(document),
            settled=self.settled(document),
            failed=self.failed(document),
        )

    def settled(self, document: Document) -> bool:
        """Whether the backend has finished."""
        return True

    def failed(self, document: Document) -> str | None:
        """The backend's words when it gave up."""
        return None

    def changed(self, current: Document, wanted: Document) -> Document:
        """The part of the wanted fields that the current document does not have; one that it lacks is null."""
        return {key: value for key, value in wanted.items() if not _same(value, current.get(key))}

    def oldest(self, documents: Any) -> Observed | None:
        """The first made of these, if there is any."""
        ordered = sorted(documents, key=lambda document: str(document.get("created_at") or document.get("created")))
        return self.observe(ordered[0]) if ordered else None

    async def changes(self, since: datetime | None) -> Changes:
        """A change feed, where the kind has one."""
        raise Unsupported(f"{self.word}.changes")

    async def listed(self, params: Params) -> Changes:
        """A feed from one listing: its items, and the backend's own clock at its first page, less the overlap."""
        found: list[Observed] = []
        watermark: datetime | None = None
        async for reply, page in self.pages(params):
            watermark = watermark or answered_at(reply) - OVERLAP
            found += [self.observe(item) for item in page]
        return Changes(found, watermark or datetime.now(UTC) - OVERLAP)


def answered_at(reply: Reply) -> datetime:
    """The backend's clock; ours when it does not tell."""
    stamp = reply.headers.get("Date")
    return parsedate_to_datetime(stamp) if stamp else datetime.now(UTC)


def _same(wanted: Any, current: Any) -> bool:
    """Whether a field is as wanted: what the backend adds inside an object, and the order of objects, do not count."""
    if isinstance(wanted, Mapping) and isinstance(current, Mapping):
        return all(key in current and _same(value, current[key]) for key, value in wanted.items())
    if _are_objects(wanted) and _are_objects(current):
        return len(wanted) == len(current) and all(any(_same(one, other) for other in current) for one in wanted)
    return bool(wanted == current)


def _are_objects(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(v, Mapping) for v in value)
