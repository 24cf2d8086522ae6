"""How vregion's own id is left on what it makes, per kind of resource, and taken off again before others see it.

Used by the collections. A mark must go in with the create request itself, must survive every update, and is found by
equality only: what a list filter answers is compared again, since Nova drops filters that it does not know.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from vregion.drivers.openstack.session import Params

PREFIX = "vregion:"
ITEM = "vregion_id"
_BESIDE = 49  # a tenant's tags beside the mark

Document = Mapping[str, Any]


class Mark(Protocol):
    """Where a mark sits in a document."""

    def put(self, mark: str, body: Document) -> dict[str, Any]:
        """The create body with the mark in it."""
        ...

    def read(self, document: Document) -> str | None:
        """The mark of a document, if it has one."""
        ...

    def hide(self, document: Document) -> dict[str, Any]:
        """The document as if there were no mark."""
        ...

    def keep(self, mark: str | None, body: Document) -> dict[str, Any]:
        """An update body that leaves the mark in place."""
        ...

    def query(self, mark: str) -> Params:
        """List parameters that ask the backend for this mark."""
        ...


class InDescription:
    """Neutron: the whole description. The tenant's own description is in vregion's rows alone."""

    def put(self, mark: str, body: Document) -> dict[str, Any]:
        return {**body, "description": PREFIX + mark}

    def read(self, document: Document) -> str | None:
        text = document.get("description") or ""
        return text.removeprefix(PREFIX) if text.startswith(PREFIX) else None

    def hide(self, document: Document) -> dict[str, Any]:
        return {**document, "description": ""} if self.read(document) else dict(document)

    def keep(self, mark: str | None, body: Document) -> dict[str, Any]:
        return {key: value for key, value in body.items() if key != "description"}

    def query(self, mark: str) -> Params:
        return [("description", PREFIX + mark)]


class InMetadata:
    """Cinder: a metadata item. Its list filter takes a Python or JSON dictionary (ast.literal_eval)."""

    def put(self, mark: str, body: Document) -> dict[str, Any]:
        return {**body, "metadata": {**(body.get("metadata") or {}), ITEM: mark}}

    def read(self, document: Document) -> str | None:
        return (document.get("metadata") or {}).get(ITEM)

    def hide(self, document: Document) -> dict[str, Any]:
        shown = {key: value for key, value in (document.get("metadata") or {}).items() if key != ITEM}
        return {**document, "metadata": shown}

    def keep(self, mark: str | None, body: Document) -> dict[str, Any]:
        return self.put(mark, body) if mark and "metadata" in body else dict(body)

    def query(self, mark: str) -> Params:
        return [("metadata", f'{{"{ITEM}": "{mark}"}}')]


class InProperty:
    """Glance: a property of its own."""

    def put(self, mark: str, body: Document) -> dict[str, Any]:
        return {**body, ITEM: mark}

    def read(self, document: Document) -> str | None:
        return document.get(ITEM)

    def hide(self, document: Document) -> dict[str, Any]:
        return {key: value for key, value in document.items() if key != ITEM}

    def keep(self, mark: str | None, body: Document) -> dict[str, Any]:
        return self.hide(body)

    def query(self, mark: str) -> Params:
        return [(ITEM, mark)]


class InPropertyOrName(InProperty):
    """An image that Cinder makes of a volume gets no property of ours, and may inherit another's: its name counts."""

    def read(self, document: Document) -> str | None:
        name = document.get("name") or ""
        return name.removeprefix(PREFIX) if name.startswith(PREFIX) else super().read(document)


class InName:
    """Keypairs and server groups have no other place: the name ends in the mark, within Nova's 255 characters."""

    def put(self, mark: str, body: Document) -> dict[str, Any]:
        return {**body, "name": f"{body['name'][:200]}_{mark}"}

    def read(self, document: Document) -> str | None:
        _, separator, mark = document["name"].rpartition("_")
        return mark if separator else None

    def hide(self, document: Document) -> dict[str, Any]:
        return dict(document)

    def keep(self, mark: str | None, body: Document) -> dict[str, Any]:
        return dict(body)

    def query(self, mark: str) -> Params:
        return []


class InTag:
    """Nova from microversion 2.52 on: a tag, of which Nova allows 50. Of a tenant's 50 the last is in our rows alone:
    nobody but the provider sees a zone's tags.
    """

    def put(self, mark: str, body: Document) -> dict[str, Any]:
        return {**body, "tags": [*(body.get("tags") or ())[:_BESIDE], PREFIX + mark]}

    def read(self, document: Document) -> str | None:
        found = (tag.removeprefix(PREFIX) for tag in document.get("tags") or () if tag.startswith(PREFIX))
        return next(found, None)

    def hide(self, document: Document) -> dict[str, Any]:
        if "tags" not in document:
            return dict(document)
        return {**document, "tags": [tag for tag in document["tags"] if not tag.startswith(PREFIX)]}

    def keep(self, mark: str | None, body: Document) -> dict[str, Any]:
        return self.put(mark, body) if mark and "tags" in body else dict(body)

    def query(self, mark: str) -> Params:
        return [("tags", PREFIX + mark)]
