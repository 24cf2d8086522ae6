"""Images on one OpenStack cloud, and their bytes as streams. Made by the driver; the mark is a property.

Bytes are never held: a chunk at a time goes through. A stream may last as long as it moves; one that stands still for
the driver's time limit is given up. An upload that breaks leaves the image queued, to be uploaded again: Glance puts
it back itself (glance/api/v2/image_data.py `upload`, every `_restore`).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

from vregion.drivers.contract import DriverError, Gone, Observed, Permanent, Transient
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.faults import Reply, error_of
from vregion.drivers.openstack.marks import PREFIX, InPropertyOrName
from vregion.drivers.openstack.service import Service
from vregion.drivers.openstack.session import read

_CHUNK = 1 << 18
_STORING = 600.0  # a store may take its time between the last byte and the answer
_PATCH = "application/openstack-images-v2.1-json-patch"


class Images(Resources):
    """Glance's images: documents without a wrapping."""

    word = "image"
    path = "/images"
    mark = InPropertyOrName()

    def __init__(self, service: Service, volume: Service) -> None:
        super().__init__(service)
        self._volume = volume

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed:
        """A record, or of a body with `volume` what Cinder makes of that; then its name is the mark."""
        if "volume" not in body:
            return await super().create(mark, body)
        wanted = {name: value for name, value in body.items() if name != "volume"}
        action = {"os-volume_upload_image": {**wanted, "image_name": PREFIX + mark, "force": True}}
        path = f"/volumes/{quote(body['volume'], safe='')}/action"
        made = (await self._volume.send("POST", path, action)).part("os-volume_upload_image")
        return Observed(str(made["image_id"]), {"id": made["image_id"], "status": "queued"}, settled=False)

    async def find(self, mark: str) -> Observed | None:
        """Among the shown, then the hidden (Glance lists only one of the two: os_hidden, since 2.7), then by name.

        Glance takes what stands before a colon in a name for an operator (33.0.0 `common/utils.py` split_filter_op).
        """
        query = self.mark.query(mark)
        for asked in (query, [*query, ("os_hidden", "true")], [("name", f"eq:{PREFIX}{mark}")]):
            found = [item async for _, page in self.pages(asked) for item in page]
            if seen := self.oldest(i for i in found if self.mark.read(i) == mark and not _by_shelving(i)):
                return seen
        return None

    async def shelved(self, server_id: str) -> Observed | None:
        """The newest snapshot of a server that shelving made. Nova keeps its id to itself, in its system metadata."""
        asked = [("instance_uuid", server_id), ("image_type", "snapshot"), ("status", "active")]
        found = [item async for _, page in self.pages(asked) for item in page if _by_shelving(item)]
        return self.observe(max(found, key=lambda item: str(item["created_at"]))) if found else None

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """A JSON patch of what differs; a property given as None is removed."""
        current = await self.raw(external_id)
        wanted = self.changed(current, self.mark.keep(None, body))
        patch = [
            _operation(key, value, current) for key, value in wanted.items() if value is not None or key in current
        ]
        if not patch:
            return self.observe(current)
        reply = await self.service.patch(self.url(external_id), patch, _PATCH, own=external_id)
        return self.observe(self.unwrap(reply))

    async def upload(self, external_id: str, chunks: AsyncIterator[bytes], size: int | None) -> None:
        """Stream into a queued image. With a size, a stream of another length is refused and nothing is kept."""
        status = (await self.raw(external_id))["status"]
        if status in ("saving", "importing"):
            raise Transient(f"image {external_id} is being uploaded")
        if status != "queued":
            raise Permanent(f"image {external_id} has its data: its status is {status}", 409)
        headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
        if size is not None:
            headers["Content-Length"] = str(size)
        source = _Source(chunks, size, self.service.session.timeout)
        try:
            reply = await self._put(external_id, headers, source)
        except DriverError as error:
            raise source.error or error from error
        if reply.status >= 300:
            raise error_of(reply, external_id)

    async def download(self, external_id: str, offset: int = 0) -> AsyncIterator[bytes]:
        """Stream from an offset. Glance answers a Range with 206; one that does not has its first bytes passed over.

        204 is Glance's word for an image without data (glance/api/v2/image_data.py `download`).
        """
        limit = self.service.session.timeout
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"} | (
            {"Range": f"bytes={offset}-"} if offset else {}
        )
        url = f"{await self.service.url()}{self.url(external_id)}/file"
        async with self.service.session.stream("GET", url, headers) as response:
            if response.status == 416 and await self._size(external_id) == offset:
                return
            if response.status == 204:
                raise Gone(f"image {external_id} has no data")
            if response.status >= 300:
                raise error_of(await read(response), external_id)
            unwanted = offset if response.status == 200 else 0
            chunks = response.content.iter_chunked(_CHUNK)
            while chunk := await asyncio.wait_for(anext(chunks, b""), limit):
                if len(chunk) > unwanted:
                    yield chunk[unwanted:]
                unwanted = max(0, unwanted - len(chunk))

    async def _put(self, external_id: str, headers: dict[str, str], source: "_Source") -> Reply:
        url = f"{await self.service.url()}{self.url(external_id)}/file"
        try:
            async with asyncio.timeout(source.patience) as source.limit:
                async with self.service.session.stream("PUT", url, headers, source.chunks()) as response:
                    return await read(response)
        except TimeoutError as error:
            raise Transient(f"the upload of image {external_id} stands still") from error

    async def _size(self, external_id: str) -> int | None:
        size: int | None = (await self.raw(external_id)).get("size")
        return size

    def wrap(self, document: dict[str, Any]) -> dict[str, Any]:
        """None: the document is the body."""
        return document

    def unwrap(self, reply: Reply) -> dict[str, Any]:
        """None: the body is the document."""
        reply.part("id")
        return reply.body or {}

    def settled(self, document: dict[str, Any]) -> bool:
        """queued waits for its bytes; active, deactivated and killed last."""
        return document["status"] not in ("queued", "saving", "uploading", "importing", "pending_delete")

    def failed(self, document: dict[str, Any]) -> str | None:
        """killed, in Glance's word."""
        return "the image is in status killed" if document["status"] == "killed" else None


class _Source:
    """The bytes to upload on their way through: counted, watched for standing still, their own errors kept.

    aiohttp shows an error of the source as one of the connection; the source's own is what the caller must see.
    """

    def __init__(self, chunks: AsyncIterator[bytes], size: int | None, patience: float) -> None:
        self._chunks = chunks
        self._size = size
        self.patience = patience
        self.limit: asyncio.Timeout | None = None
        self.error: DriverError | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        sent = 0
        try:
            async for chunk in self._chunks:
                sent += len(chunk)
                self._may_take(self.patience)
                if self._size is not None and sent > self._size:
                    raise Permanent(f"the source has more than the {self._size} bytes that were announced")
                yield chunk
            if self._size is not None and sent < self._size:
                raise Transient(f"the source ended after {sent} of {self._size} bytes")
            self._may_take(max(_STORING, self.patience))
        except DriverError as error:
            self.error = error
            raise

    def _may_take(self, seconds: float) -> None:
        if self.limit:
            self.limit.reschedule(asyncio.get_running_loop().time() + seconds)


def _by_shelving(document: Mapping[str, Any]) -> bool:
    """Whether it is called as shelving calls it (nova 34.0.0 `compute/api.py` shelve).

    It has the mark of the image that its server was made of, inherited with the other properties, and is no copy of it.
    """
    return str(document.get("name")).endswith("-shelved") and "base_image_ref" in document


def _operation(key: str, value: Any, current: Mapping[str, Any]) -> dict[str, Any]:
    """One step of a JSON patch (RFC 6901 escapes in the path)."""
    path = "/" + key.replace("~", "~0").replace("/", "~1")
    if value is None:
        return {"op": "remove", "path": path}
    return {"op": "replace" if key in current else "add", "path": path, "value": value}
