"""Where vregion's own id sits in a document of the memory cloud: the same places as in a real OpenStack.

A mark is in the stored document, where others of the project can take it away, and is hidden from what is observed.
"""

from typing import Any, Protocol

PREFIX = "vregion:"
ITEM = "vregion_id"
Document = dict[str, Any]


class Mark(Protocol):
    """`put` and `hide` work in place; `hide` is for copies."""

    def put(self, document: Document, mark: str) -> None: ...
    def read(self, document: Document) -> str | None: ...
    def hide(self, document: Document) -> None: ...


class InDescription:
    """Neutron."""

    def put(self, document: Document, mark: str) -> None:
        document["description"] = PREFIX + mark

    def read(self, document: Document) -> str | None:
        text: str = document["description"]
        return text.removeprefix(PREFIX) if text.startswith(PREFIX) else None

    def hide(self, document: Document) -> None:
        document["description"] = ""


class InMetadata:
    """Cinder."""

    def put(self, document: Document, mark: str) -> None:
        document["metadata"][ITEM] = mark

    def read(self, document: Document) -> str | None:
        mark: str | None = document["metadata"].get(ITEM)
        return mark

    def hide(self, document: Document) -> None:
        document["metadata"].pop(ITEM, None)


class InProperty:
    """Glance."""

    def put(self, document: Document, mark: str) -> None:
        document[ITEM] = mark

    def read(self, document: Document) -> str | None:
        return document.get(ITEM)

    def hide(self, document: Document) -> None:
        document.pop(ITEM, None)


class InPropertyOrName(InProperty):
    """An image that Cinder makes of a volume gets no property of ours: its name counts."""

    def read(self, document: Document) -> str | None:
        name = document.get("name") or ""
        return name.removeprefix(PREFIX) if name.startswith(PREFIX) else super().read(document)


class InTag:
    """Nova's servers."""

    def put(self, document: Document, mark: str) -> None:
        document["tags"] = sorted({*document["tags"], PREFIX + mark})

    def read(self, document: Document) -> str | None:
        return next((tag.removeprefix(PREFIX) for tag in document["tags"] if tag.startswith(PREFIX)), None)

    def hide(self, document: Document) -> None:
        document["tags"] = [tag for tag in document["tags"] if not tag.startswith(PREFIX)]


class InName:
    """Keypairs and server groups: the end of the name, and shown."""

    def put(self, document: Document, mark: str) -> None:
        if self.read(document) != mark:
            document["name"] = f"{document['name'][:200]}_{mark}"

    def read(self, document: Document) -> str | None:
        _, separator, mark = document["name"].rpartition("_")
        return mark if separator else None

    def hide(self, document: Document) -> None:
        return
