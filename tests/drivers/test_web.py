"""What is read from the web for an import, and what never is: addresses inside, also behind names and redirects."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web as server
from aiohttp.abc import AbstractResolver, ResolveResult

from vregion.drivers.contract import Permanent
from vregion.drivers.web import Refused, Web
from vregion.settings import Settings

LOOPBACK = (ipaddress.ip_network("127.0.0.1/32"),)
DATA = bytes(range(256)) * 2048
Handler = Callable[[server.Request], Awaitable[server.StreamResponse]]


class Names(AbstractResolver):
    """Answers from a list, one answer a question: a name that means something else the next time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A server on the loopback; its port."""
    application = server.Application()
    application.router.add_get("/{name}", handler)
    runner = server.AppRunner(application)
    await runner.setup()
    site = server.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def whole(request: server.Request) -> server.StreamResponse:
    return server.Response(body=DATA)


async def read(reader: Web, url: str) -> bytes:
    return b"".join([chunk async for chunk in reader.read(url)])


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "image",
        "ftp://192.0.2.1/x",
        "file:///etc/passwd",
        "http://127.0.0.1/x",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://[64:ff9b::7f00:1]/x",
        "http://[2002:7f00:1::]/x",
        "http://10.0.0.1/x",
        "http://100.64.0.1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1%25eth0]/x",
        "http://[fd00::1]/x",
        "http://224.0.0.1/x",
        "http://0.0.0.0/x",
        "http://example.com:22/x",
        "http://example.com:99999/x",
    ],
)
def test_what_is_not_allowed(url: str | None) -> None:
    with pytest.raises(Refused):
        Web().check(url)


@pytest.mark.parametrize("url", ["http://example.com/x", "https://8.8.8.8/x", "http://[2606:4700::1111]/x"])
def test_what_is_allowed(url: str) -> None:
    Web().check(url)


def test_only_the_hosts_of_the_list() -> None:
    allowed = Web.of(Settings(image_import_hosts="images.example.com, mirror.example.org"))
    allowed.check("https://Images.example.com/x")
    with pytest.raises(Refused):
        allowed.check("https://example.com/x")


async def test_a_number_that_means_the_loopback() -> None:
    for url in ("http://2130706433/x", "http://0x7f.1/x", "http://localhost/x"):
        with pytest.raises(Refused):
            await Web().reach(url)


async def test_a_name_that_leads_inside_is_not_used() -> None:
    for answer in (["10.0.0.7"], ["8.8.8.8", "127.0.0.1"]):
        with pytest.raises(Refused):
            await Web(resolve=Names(answer)).reach("http://example.com/x")


async def test_bytes_of_a_network_that_the_provider_allows() -> None:
    async with serving(whole) as port:
        reader = Web(networks=LOOPBACK, ports=frozenset({port}))
        assert await read(reader, f"http://127.0.0.1:{port}/image") == DATA


async def test_the_address_that_was_checked_is_the_one_that_is_connected_to() -> None:
    """The name is public when the request is checked, and means the loopback when the bytes are fetched."""
    met: list[str] = []

    async def secret(request: server.Request) -> server.StreamResponse:
        met.append(request.path)
        return server.Response(body=b"secret")

    async with serving(secret) as port:
        names = Names(["8.8.8.8"], ["127.0.0.1"])
        reader = Web(ports=frozenset({port}), resolve=names)
        await reader.reach(f"http://example.com:{port}/image")
        with pytest.raises(Permanent, match="allowed"):
            await read(reader, f"http://example.com:{port}/image")
        assert (names.asked, met) == (2, [])


async def test_a_redirect_does_not_lead_inside() -> None:
    met: list[str] = []

    async def moved(request: server.Request) -> server.StreamResponse:
        met.append(request.path)
        raise server.HTTPFound(f"http://127.0.0.2:{request.url.port}/inside")

    async with serving(moved) as port:
        with pytest.raises(Refused):
            await read(Web(networks=LOOPBACK, ports=frozenset({port})), f"http://127.0.0.1:{port}/image")
    assert met == ["/image"]


async def test_a_redirect_to_what_is_allowed_is_followed_but_not_for_ever() -> None:
    async def moved(request: server.Request) -> server.StreamResponse:
        if request.path == "/image":
            raise server.HTTPFound("/other")
        if request.path == "/other":
            return server.Response(body=DATA)
        raise server.HTTPFound("/round")

    async with serving(moved) as port:
        reader = Web(networks=LOOPBACK, ports=frozenset({port}))
        assert await read(reader, f"http://127.0.0.1:{port}/image") == DATA
        with pytest.raises(Permanent, match="redirects too often"):
            await read(reader, f"http://127.0.0.1:{port}/round")


async def test_bounds_of_size_and_time() -> None:
    async def endless(request: server.Request) -> server.StreamResponse:
        answer = server.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(bytes(1 << 16))
            await asyncio.sleep(0.01)

    async def silent(request: server.Request) -> server.StreamResponse:
        await asyncio.sleep(2)  # the server waits for it at its end
        return server.Response()

    async with serving(endless) as port:
        ports = frozenset({port})
        with pytest.raises(Permanent, match="larger than"):
            await read(Web(networks=LOOPBACK, ports=ports, size=1 << 18), f"http://127.0.0.1:{port}/image")
        with pytest.raises(Permanent, match="took longer"):
            await read(Web(networks=LOOPBACK, ports=ports, seconds=0.2), f"http://127.0.0.1:{port}/image")
    async with serving(silent) as port:
        with pytest.raises(Permanent, match="could not read"):
            await read(Web(networks=LOOPBACK, ports=frozenset({port}), stall=0.2), f"http://127.0.0.1:{port}/image")


async def test_an_answer_that_is_none_and_one_that_breaks_off() -> None:
    async def short(request: server.Request) -> server.StreamResponse:
        if request.path == "/missing":
            raise server.HTTPNotFound
        answer = server.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(b"x" * 10)
        assert request.transport is not None
        request.transport.close()
        return answer

    async with serving(short) as port:
        reader = Web(networks=LOOPBACK, ports=frozenset({port}))
        with pytest.raises(Permanent, match="answers 404"):
            await read(reader, f"http://127.0.0.1:{port}/missing")
        with pytest.raises(Permanent, match="could not read"):
            await read(reader, f"http://127.0.0.1:{port}/image")
