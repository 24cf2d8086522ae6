"""Reads an image from the web for an import, and from nowhere else: no private, loopback, link-local or other special
address, whatever a name resolves to and wherever a server redirects to.

The address that is checked is the one that is connected to: names are resolved by our own resolver, inside the very
connection. Used by the image API (is that URL allowed?) and by the reconciler (its bytes). Holds one chunk at a time.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from vregion.drivers.contract import Permanent
from vregion.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_CHUNK = 1 << 18
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Refused(Permanent):
    """The URL, or where it leads, is not allowed."""


@dataclass(frozen=True, slots=True)
class Web:
    """What may be read. `networks`: addresses that are allowed although they are special. `hosts`: if any, only these.

    `size` in bytes, `seconds` for all of it, `stall` seconds between two chunks.
    """

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset({80, 443})
    size: int = 1 << 40
    seconds: float = 4 * 3600.0
    stall: float = 60.0
    resolve: AbstractResolver | None = field(default=None, compare=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the provider has set it. Raises ValueError for what is no network or port."""
        return cls(
            networks=tuple(ipaddress.ip_network(text) for text in _words(settings.image_import_networks)),
            hosts=frozenset(text.lower().rstrip(".") for text in _words(settings.image_import_hosts)),
            ports=frozenset(int(text) for text in _words(settings.image_import_ports)),
            size=settings.image_import_gib << 30,
            seconds=settings.image_import_seconds,
        )

    def check(self, url: str | None) -> str:
        """The host of an URL whose form is allowed. Raises Refused."""
        try:
            parts = urlsplit(url or "")
            host, port = parts.hostname, parts.port
        except ValueError as broken:
            raise Refused(f"URI does not pass filtering: {url}") from broken
        port = port if port is not None else {"http": 80, "https": 443}.get(parts.scheme)
        if parts.scheme not in ("http", "https") or not host or port not in self.ports:
            raise Refused(f"URI does not pass filtering: {url}")
        if self.hosts and host.lower().rstrip(".") not in self.hosts:
            raise Refused(f"URI does not pass filtering: {url}")
        address = _literal(host)
        if address is not None and not self.permits(address):
            raise Refused(f"URI does not pass filtering: {url}")
        return host

    async def reach(self, url: str | None) -> None:
        """Whether an URL leads to an allowed address at the moment. Raises Refused."""
        host = self.check(url)
        if _literal(host) is None:
            guard = _Guard(self)
            try:
                await asyncio.wait_for(guard.resolve(host, 0, socket.AF_UNSPEC), self.stall)
            except (OSError, TimeoutError) as unknown:
                raise Refused(f"URI does not pass filtering: {url}") from unknown
            finally:
                await guard.close()

    def permits(self, address: Address) -> bool:
        """A public address, or one of those that the provider allows. An embedded IPv4 address counts as itself."""
        inner = _embedded(address)
        if any(inner in network for network in self.networks if network.version == inner.version):
            return True
        return inner.is_global and not inner.is_multicast and not inner.is_reserved

    async def read(self, url: str) -> AsyncIterator[bytes]:
        """The bytes. Raises Permanent for whatever the other side does: the tenant may try again."""
        until = asyncio.get_running_loop().time() + self.seconds
        connector = aiohttp.TCPConnector(resolver=_Guard(self), use_dns_cache=False)
        timeout = aiohttp.ClientTimeout(total=None, connect=self.stall, sock_read=self.stall)
        count = 0
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session,
                await self._get(session, url) as response,
            ):
                async for chunk in response.content.iter_chunked(_CHUNK):
                    count += len(chunk)
                    if count > self.size:
                        raise Permanent(f"the image at {url} is larger than the {self.size} bytes that are allowed")
                    if asyncio.get_running_loop().time() > until:
                        raise Permanent(f"the image at {url} took longer than {self.seconds:.0f} seconds")
                    yield chunk
        except (aiohttp.ClientError, OSError, TimeoutError) as broken:
            reason = getattr(broken, "os_error", None) or broken
            raise Permanent(f"could not read {url}: {reason if str(reason) else 'it stands still'}") from broken

    async def _get(self, session: aiohttp.ClientSession, url: str) -> aiohttp.ClientResponse:
        """The answer at the end of the redirects; each step is checked as the first one was."""
        for _ in range(_MOST_REDIRECTS + 1):
            self.check(url)
            headers = {"Accept-Encoding": "identity"}
            response = await session.get(url, allow_redirects=False, headers=headers)
            if response.status == 200:
                return response
            target = response.headers.get("Location")
            response.close()
            if response.status not in _REDIRECTS or not target:
                raise Permanent(f"{url} answers {response.status}")
            url = urljoin(url, target)
        raise Permanent(f"{url} redirects too often")


class _Guard(AbstractResolver):
    """A resolver that knows allowed addresses only."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._inner = web.resolve or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All of them allowed, or OSError: a name that also leads somewhere else is not used at all."""
        found = await self._inner.resolve(host, port, family)
        if not found or not all(self._web.permits(ipaddress.ip_address(r["host"].partition("%")[0])) for r in found):
            raise OSError(f"{host} does not lead to an address that is allowed")
        return found

    async def close(self) -> None:
        """Nothing is held."""


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _embedded(address: Address) -> Address:
    """The IPv4 address inside of an IPv6 one that only wraps it."""
    if isinstance(address, ipaddress.IPv6Address):
        teredo: Any = address.teredo
        inner = address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address
