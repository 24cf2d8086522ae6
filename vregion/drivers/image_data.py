"""An image's bytes on their way from one cloud: counted, hashed, and read on where a source broke.

Used by the image API (download, upload) and by the reconciler that copies an image to another backend. It holds one
chunk at a time and writes nothing down.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from vregion.drivers.contract import Driver, DriverError, Transient

PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0)  # seconds before each further try when no byte came since the last one

Source = tuple[Callable[[], Awaitable[Driver]], str]


class Digest:
    """What Glance tells of an image's bytes."""

    def __init__(self) -> None:
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha512 = hashlib.sha512()

    def add(self, chunk: bytes) -> None:
        """The next bytes."""
        self.size += len(chunk)
        self._md5.update(chunk)
        self._sha512.update(chunk)

    async def counted(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same bytes, added as they pass."""
        async for chunk in chunks:
            self.add(chunk)
            yield chunk

    def facts(self) -> dict[str, Any]:
        """In Glance's names."""
        return {
            "size": self.size,
            "checksum": self._md5.hexdigest(),
            "os_hash_algo": "sha512",
            "os_hash_value": self._sha512.hexdigest(),
        }


async def read(sources: Sequence[Source], size: int | None, offset: int = 0) -> AsyncIterator[bytes]:
    """The bytes from an offset on. Where a source breaks, the next one goes on from there; it may be the same one.

    Raises Transient when no byte came in several tries; it never says that a backend is unreachable, since whoever
    consumes the bytes would take that for the backend that he writes to.
    """
    at, tries = offset, 0
    while True:
        open_driver, external_id = sources[tries % len(sources)]
        came = at
        try:
            driver = await open_driver()
            async for chunk in driver.download(external_id, at):
                at += len(chunk)
                yield chunk
            if size is None or at >= size:
                return
            raise Transient(f"the image ended after {at} of {size} bytes")
        except DriverError as trouble:
            tries = tries + 1 if at == came else 1
            if tries >= max(len(PAUSES), len(sources)):
                raise Transient(trouble.message) from trouble
        await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
