"""Images: bytes stream in and out, from an offset, and a broken upload can be done again."""

import hashlib
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.drivers.bench import CHUNK, Bench, pieces
from vregion.drivers.contract import Driver, DriverError, Gone, Permanent, Transient
from vregion.model.resource import Kind

pytestmark = pytest.mark.asyncio(loop_scope="module")
SIZE = 3 * (1 << 20) + 17
BODY = {"name": "suite", "disk_format": "raw", "container_format": "bare"}


async def digest(chunks: AsyncIterator[bytes]) -> tuple[int, str]:
    """Length and SHA-512 of a stream; no chunk is large."""
    size, sha = 0, hashlib.sha512()
    async for chunk in chunks:
        assert len(chunk) <= 1 << 20
        size += len(chunk)
        sha.update(chunk)
    return size, sha.hexdigest()


async def broken(error: Exception) -> AsyncIterator[bytes]:
    """A source that fails half-way."""
    yield CHUNK
    raise error


@pytest.mark.parametrize("announced", [SIZE, None])
async def test_there_and_back(announced: int | None, bench: Bench, driver: Driver) -> None:
    """What comes out is what went in, by the backend's checksum too, with and without a size."""
    image = await bench.make(Kind.IMAGE, BODY)
    await driver.upload(image.external_id, pieces(SIZE), announced)
    seen = await bench.settled(Kind.IMAGE, image.external_id)
    expected = await digest(pieces(SIZE))
    assert (seen.document["status"], seen.document["size"]) == ("active", SIZE)
    assert seen.document["os_hash_algo"] == "sha512"
    assert seen.document["os_hash_value"] == expected[1]
    assert await digest(driver.download(image.external_id)) == expected


@pytest.mark.parametrize("offset", [1, len(CHUNK), SIZE - 1, SIZE])
async def test_from_an_offset(offset: int, bench: Bench, driver: Driver) -> None:
    """The rest of the bytes; at the very end there are none."""
    image = await bench.image(SIZE)
    whole = b"".join([chunk async for chunk in pieces(SIZE)])
    rest = b"".join([chunk async for chunk in driver.download(image.external_id, offset)])
    assert rest == whole[offset:]


async def test_an_image_without_bytes(bench: Bench, driver: Driver) -> None:
    """Queued: nothing to download yet. Unknown: nothing at all."""
    image = await bench.make(Kind.IMAGE, BODY)
    assert not image.settled
    for external_id in (image.external_id, str(uuid.uuid4())):
        with pytest.raises(Gone):
            await digest(driver.download(external_id))
    with pytest.raises(Gone):
        await driver.upload(str(uuid.uuid4()), pieces(1), 1)


@pytest.mark.parametrize("announced", [SIZE, None])
async def test_a_broken_upload_is_done_again(announced: int | None, bench: Bench, driver: Driver) -> None:
    """The source's own error is what the caller sees; the image is queued still, and takes the next upload."""
    image = await bench.make(Kind.IMAGE, BODY)
    with pytest.raises(Transient, match="the source is ill"):
        await driver.upload(image.external_id, broken(Transient("the source is ill")), announced)
    assert (await driver.collections[Kind.IMAGE].get(image.external_id)).document["status"] == "queued"
    await driver.upload(image.external_id, pieces(SIZE), announced)
    assert (await bench.settled(Kind.IMAGE, image.external_id)).document["size"] == SIZE


async def test_a_stream_that_ends_early_is_no_image(bench: Bench, driver: Driver) -> None:
    """Fewer bytes than announced: nothing is kept of them."""
    image = await bench.make(Kind.IMAGE, BODY)
    with pytest.raises(DriverError):
        await driver.upload(image.external_id, pieces(SIZE - 1), SIZE)
    assert (await driver.collections[Kind.IMAGE].get(image.external_id)).document["status"] == "queued"


async def test_bytes_are_given_once(bench: Bench, driver: Driver) -> None:
    """A second upload is refused, and the first stays."""
    image = await bench.image(SIZE)
    with pytest.raises(Permanent) as refusal:
        await driver.upload(image.external_id, pieces(1), 1)
    assert refusal.value.status == 409
    assert (await driver.collections[Kind.IMAGE].get(image.external_id)).document["size"] == SIZE


async def test_properties_go_when_they_are_none(bench: Bench, driver: Driver) -> None:
    """A property set to None is removed; one with a slash in its name is no trouble."""
    image = await bench.make(Kind.IMAGE, BODY | {"a/b~c": "1", "keep": "2"})
    for _ in range(2):
        seen = await driver.collections[Kind.IMAGE].update(image.external_id, {"a/b~c": None, "keep": "3"})
        assert "a/b~c" not in seen.document
        assert seen.document["keep"] == "3"


async def test_a_hidden_image_is_found(bench: Bench, driver: Driver) -> None:
    """Its mark holds although lists pass it by."""
    mark = str(uuid.uuid4())
    image = await bench.make(Kind.IMAGE, BODY, mark)
    await driver.collections[Kind.IMAGE].update(image.external_id, {"os_hidden": True})
    found = await driver.collections[Kind.IMAGE].find(mark)
    assert found is not None
    assert found.external_id == image.external_id
