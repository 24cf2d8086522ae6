"""What lists told, kept for whoever asks again: the oldest go when they take too much room. For `servers` alone."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = tuple[Any, ...]  # (form, kind, id, last write)


class Told:
    """Rendered documents under what they were rendered from; at most `limit` bytes of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._documents: dict[Row, bytes] = {}

    def get(self, keys: Sequence[Row]) -> list[bytes | None]:
        """None for what was not told, or is gone."""
        return list(map(self._documents.get, keys))

    def keep(self, documents: Mapping[Row, bytes]) -> None:
        """Add these."""
        before = [self._documents[key] for key in documents if key in self._documents]
        self._bytes += sum(map(len, documents.values())) - sum(map(len, before))
        self._documents.update(documents)
        gone = []
        for key, document in self._documents.items():
            if self._bytes <= self._limit:
                break
            self._bytes -= len(document)
            gone.append(key)
        for key in gone:
            del self._documents[key]

    def clear(self) -> None:
        """Forget all."""
        self._documents.clear()
        self._bytes = 0
