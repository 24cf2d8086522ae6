"""What every kind of resource in a memory cloud has in common: the contract's five calls, marks, visibility.

A kind's class gives the rules: `make`, `change`, `discard`, and what may be updated. Everything below the five calls
is synchronous: a call is one step, as it is for a caller of the real cloud.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Set
from typing import Any, ClassVar, TypeVar

import orjson

from vregion.drivers.contract import Answer, Gone, Observed, Permanent, Unsupported
from vregion.drivers.memory.cloud import MemoryCloud, Row
from vregion.drivers.memory.marks import InDescription, InName, Mark
from vregion.model.resource import Kind

T = TypeVar("T")
_PASSING = frozenset(
    {
        "attaching",
        "backing-up",
        "creating",
        "deleting",
        "detaching",
        "downloading",
        "extending",
        "maintenance",
        "queued",
        "restoring",
        "restoring-backup",
        "retyping",
        "uploading",
    }
)


def copied(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that shares nothing, by way of the wire form."""
    answer: dict[str, Any] = orjson.loads(orjson.dumps(dict(document)))
    return answer


class MemoryCollection(ABC):
    """One kind as one project sees it."""

    kind: ClassVar[Kind]
    mark: ClassVar[Mark]
    required: ClassVar[tuple[str, ...]] = ()
    mutable: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, cloud: MemoryCloud, project: str) -> None:
        self.cloud = cloud
        self.project = project

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed:
        return await self.step("create", lambda: self.created(mark, copied(body)))

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
    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        """Check the body as the real service does, then `add` the row."""

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        """Set the fields; all of them may change, and differ from what is there."""
        row.document |= fields

    def discard(self, row: Row) -> None:
        """Delete, or refuse to: `Transient` where it can be done once others have let go."""
        self.cloud.remove(row)

    def fixed(self, names: Set[str]) -> Set[str]:
        """Which of these an update cannot change."""
        return names - self.mutable

    def render(self, row: Row) -> dict[str, Any]:
        """A copy of the document as a show gives it."""
        return copied(row.document)

    def call(self, row: Row, method: str, path: str, body: dict[str, Any]) -> Answer:
        """A live call below one row; may raise `Permanent`, which becomes an answer."""
        if (method, path) == ("GET", ""):
            document = self.render(row)
            return Answer(200, document if self.kind == Kind.IMAGE else {str(self.kind): document})
        raise Permanent("The resource could not be found.", 404)

    def add(self, document: dict[str, Any], mark: str | None) -> Row:
        """A new row that carries the mark from its first moment."""
        document = copied(document)
        if mark is not None:
            self.mark.put(document, mark)
        return self.cloud.add(self.kind, self.project, document, mark)

    def created(self, mark: str, body: dict[str, Any]) -> Observed:
        """What the answer to a create tells."""
        if missing := [name for name in self.required if body.get(name) is None]:
            raise Permanent(f"Invalid input: '{missing[0]}' is a required property")
        return self.observe(self.make(body, mark))

    def observe(self, row: Row) -> Observed:
        """What a show answers, without the mark."""
        document = self.render(row)
        if self.mark.read(document) is not None:
            self.mark.hide(document)
        status = str(document.get("status", ""))
        words = row.extra.get("fault") or f"the {self.kind} is in status {status}"
        return Observed(row.id, document, status not in _PASSING, words if status.lower() == "error" else None)

    def row(self, external_id: str) -> Row:
        """The row; raises `Gone`."""
        if row := self.cloud.visible(self.kind, external_id, self.project):
            return row
        raise Gone(f"{self.kind.replace('_', ' ').capitalize()} {external_id} could not be found.")

    def _found(self, mark: str) -> Observed | None:
        for row in self.cloud.marks.get((self.kind, mark), ()):
            if row.alive and row.project == self.project and self.mark.read(row.document) == mark:
                return self.observe(row)
        return None

    def _updated(self, row: Row, body: dict[str, Any]) -> Observed:
        self._own(row)
        mark, shown = self.mark.read(row.document), self.observe(row)
        fields = {name: value for name, value in body.items() if shown.document.get(name) != value}
        if fixed := self.fixed(fields.keys()):
            raise Permanent(f"Cannot update read-only attribute {', '.join(sorted(fixed))}")
        if not fields:
            return shown
        self.change(row, fields)
        if mark is not None:
            self.mark.put(row.document, mark)
        self.cloud.touch(row)
        return self.observe(row)

    def _deleted(self, external_id: str) -> None:
        row = self.cloud.visible(self.kind, external_id, self.project)
        if row and row.document.get("status") != "deleting":
            self._own(row)
            self.discard(row)

    def _own(self, row: Row) -> None:
        if row.project != self.project:
            raise Permanent("You are not authorized to complete this action.", 403)


class Described(MemoryCollection):
    """A Neutron kind: the mark is the description, the tenant's own description is not there at all."""

    mark = InDescription()

    def add(self, document: dict[str, Any], mark: str | None) -> Row:
        """A row with the fields that all of Neutron's have."""
        common = {"project_id": self.project, "tenant_id": self.project, "tags": [], "revision_number": 1}
        return super().add(document | common | {"description": ""}, mark)

    def fixed(self, names: Set[str]) -> Set[str]:
        return names - self.mutable - {"description"}

    def network(self, external_id: object) -> Row:
        """The network that a body refers to."""
        if row := self.cloud.visible(Kind.NETWORK, external_id, self.project):
            return row
        raise Permanent(f"Network {external_id} could not be found.", 404)


class Named(MemoryCollection):
    """A kind whose name carries the mark, and of which nothing can change."""

    mark = InName()

    def fixed(self, names: Set[str]) -> Set[str]:
        if changed := names - {"name"}:
            raise Unsupported(f"{self.kind}.update: {', '.join(sorted(changed))} cannot change")
        return frozenset()

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        """The name stays as it is."""
