"""What every kind of resource in a memory cloud has in common: the contract's five calls, marks, visibility.

A kind's class gives the rules: `make`, `change`, `discard`, and what may be updated. Everything below the five calls
is synchronous: a call is one step, as it is for a caller of the real cloud.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Set
from typing import Any, ClassVar, TypeVar

import orjson

from vregion.drivers.contract import Answer, Gone, Observed, Permanent
from vregion.drivers.memory.cloud import MemoryCloud, Row
from vregion.model.resource import Kind

T = TypeVar("T")
BUSY = frozenset({
    "creating", "queued", "saving", "importing", "deleting", "extending", "attaching", "detaching", "uploading",
})  # fmt: skip


def copied(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that shares nothing, by way of the wire form."""
    answer: dict[str, Any] = orjson.loads(orjson.dumps(dict(document)))
    return answer


class MemoryCollection(ABC):
    """One kind as one project sees it."""

    kind: ClassVar[Kind]
    required: ClassVar[tuple[str, ...]] = ()
    mutable: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, cloud: MemoryCloud, project: str) -> None:
        self.cloud = cloud
        self.project = project

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed:
        return await self.step("create", lambda: self._created(mark, copied(body)))

    async def get(self, external_id: str) -> Observed:
        return await self.step("get", lambda: self.observe(self.row(external_id)))

    async def find(self, mark: str) -> Observed | None:
        return await self.step("find", lambda: self._found(mark))

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        return await self.step("update", lambda: self._updated(self.row(external_id), copied(body)))

    async def delete(self, external_id: str) -> None:
        await self.step("delete", lambda: self._deleted(external_id))

    async def step(self, operation: str, effect: Callable[[], T]) -> T:
        """One call of this credential to the cloud."""
        return await self.cloud.step(self.project, operation, self.kind, effect)

    @abstractmethod
    def make(self, mark: str, body: dict[str, Any]) -> Row:
        """Check the body as the real service does, then add the row, which carries the mark."""

    @abstractmethod
    def marked(self, row: Row, mark: str) -> bool:
        """Whether the document shows the mark (it can have been taken away)."""

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        """Set the fields; all of them are mutable and differ from what is there."""
        row.document |= fields

    def fixed(self, names: Set[str]) -> Set[str]:
        """Which of these an update cannot change."""
        return names - self.mutable

    def discard(self, row: Row) -> None:
        """Delete, or refuse to."""
        self.cloud.remove(row)

    def observe(self, row: Row) -> Observed:
        """What a show answers."""
        document = copied(row.document)
        status = str(document.get("status", ""))
        return Observed(row.id, document, status not in BUSY, row.extra.get("fault") if status == "error" else None)

    def row(self, external_id: str) -> Row:
        """The row; raises `Gone`."""
        if row := self.cloud.visible(self.kind, external_id, self.project):
            return row
        noun = {"server": "Instance"}.get(self.kind, self.kind.replace("_", " ").capitalize())
        raise Gone(f"{noun} {external_id} could not be found.")

    def call(self, row: Row, method: str, path: str, body: dict[str, Any]) -> Answer:
        """A live call below one row; may raise `Permanent`, which becomes an answer."""
        if (method, path) == ("GET", ""):
            document = self.observe(row).document
            return Answer(200, document if self.kind == Kind.IMAGE else {self.kind: document})
        raise Permanent("The resource could not be found.", 404)

    def _created(self, mark: str, body: dict[str, Any]) -> Observed:
        if missing := [name for name in self.required if body.get(name) is None]:
            raise Permanent(f"Invalid input: '{missing[0]}' is a required property")
        return self.observe(self.make(mark, body))

    def _found(self, mark: str) -> Observed | None:
        rows = [row for row in self.cloud.marks.get((self.kind, mark), ()) if row.alive and self.marked(row, mark)]
        own = [row for row in rows if row.project == self.project]
        return self.observe(own[0]) if own else None

    def _updated(self, row: Row, body: dict[str, Any]) -> Observed:
        fields = {name: value for name, value in body.items() if row.document.get(name) != value}
        if fixed := self.fixed(fields.keys()):
            raise Permanent(f"Cannot update read-only attribute {', '.join(sorted(fixed))}")
        if fields:
            self.change(row, fields)
            self.cloud.touch(row)
        return self.observe(row)

    def _deleted(self, external_id: str) -> None:
        row = self.cloud.visible(self.kind, external_id, self.project)
        if row is None:
            return
        if row.project != self.project:
            raise Permanent("You are not authorized to complete this action.", 403)
        self.discard(row)


class Described(MemoryCollection):
    """A Neutron kind: the mark is the description, the tenant's name is the name."""

    def marked(self, row: Row, mark: str) -> bool:
        return bool(row.document["description"] == f"vregion:{mark}")

    def add(self, mark: str | None, document: dict[str, Any]) -> Row:
        """A Neutron row with the fields that all of them have."""
        shared = {"project_id": self.project, "tenant_id": self.project, "tags": [], "revision_number": 1}
        text = "" if mark is None else f"vregion:{mark}"
        return self.cloud.add(self.kind, self.project, copied(document) | shared | {"description": text}, mark)

    def network(self, external_id: object) -> Row:
        """The network that a body refers to."""
        if row := self.cloud.visible(Kind.NETWORK, external_id, self.project):
            return row
        raise Permanent(f"Network {external_id} could not be found.", 404)
