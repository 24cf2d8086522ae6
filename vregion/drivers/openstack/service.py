"""One service of an OpenStack cloud: where it is, which microversions it knows, and how a request is put to it.

Made by the driver, one for each of compute, volume, network, image and identity; used by the collections. It must
never send a request in a microversion that the service does not know, nor drop what needs a newer one: that is
`Unsupported`, naming the capability.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vregion.drivers.contract import Transient, Unsupported
from vregion.drivers.openstack.faults import Reply, error_of
from vregion.drivers.openstack.session import Params, Session
from vregion.model.microversion import Microversion


@dataclass(frozen=True, slots=True)
class ServiceType:
    """The catalog's names of a service (official one first), its API's path, and the newest microversion we speak."""

    name: str
    catalog: tuple[str, ...]
    path: str
    newest: Microversion | None = None


COMPUTE = ServiceType("compute", ("compute",), "/v2.1", Microversion(2, 104))
VOLUME = ServiceType("volume", ("block-storage", "volumev3", "block-store", "volume"), "/v3", Microversion(3, 71))
NETWORK = ServiceType("network", ("network",), "/v2.0")
IMAGE = ServiceType("image", ("image",), "/v2")
IDENTITY = ServiceType("identity", ("identity",), "/v3")

# http://host/v2.1/<project>, http://host/volume/v3, http://host:9696
_VERSIONED = re.compile(r"^(?P<api>.*?/v\d+(\.\d+)?)(?P<rest>/.*)?$")


@dataclass(frozen=True, slots=True)
class Window:
    """The microversions in which a capability exists; `last` is None when it still does."""

    capability: str
    first: Microversion
    last: Microversion | None = None


class Service:
    """Requests to one service with one session."""

    def __init__(self, session: Session, kind: ServiceType) -> None:
        self.session = session
        self.kind = kind
        self._newest: Microversion | None = None
        self._asking = asyncio.Lock()

    async def url(self) -> str:
        """Where paths of this service begin. Keystone is where the session authenticates, whatever its catalog says."""
        if self.kind is IDENTITY:
            return self.session.auth_url
        found = await self.session.endpoint(self.kind.catalog)
        return found if _VERSIONED.match(found) else found + self.kind.path

    async def newest(self) -> Microversion:
        """The newest microversion that both sides know; asked once."""
        if self._newest is None:
            async with self._asking:
                if self._newest is None:
                    self._newest = await self._negotiate()
        return self._newest

    async def version_for(self, *windows: Window) -> Microversion:
        """The newest microversion in which all of these capabilities exist."""
        chosen = await self.newest()
        for window in windows:
            if window.last and window.last < chosen:
                chosen = window.last
        for window in windows:
            if chosen < window.first:
                raise Unsupported(
                    f"{window.capability} needs {self.kind.name} microversion {window.first}; {chosen} is the most here"
                )
        return chosen

    async def knows(self, window: Window) -> bool:
        """Whether the service has that capability at any microversion that we share."""
        return window.first <= await self.newest()

    async def send(
        self, method: str, path: str, body: Any = None, params: Params = (), own: str | None = None
    ) -> Reply:
        """A request that must succeed. `own` is the id in the path: a 404 that names it is `Gone`."""
        reply = await self.exchange(method, path, body, params)
        if reply.status >= 300:
            raise error_of(reply, own)
        return reply

    async def send_at(self, version: Microversion, method: str, path: str, body: Any) -> Reply:
        """A request that must succeed, at a microversion that its content asks for."""
        reply = await self.exchange(method, path, body, version=version)
        if reply.status >= 300:
            raise error_of(reply)
        return reply

    async def patch(self, path: str, body: Any, content_type: str, own: str) -> Reply:
        """A PATCH that must succeed, in the media type that Glance asks for."""
        reply = await self.session.exchange("PATCH", await self.url() + path, {"Content-Type": content_type}, body)
        if reply.status >= 300:
            raise error_of(reply, own)
        return reply

    async def exchange(
        self, method: str, path: str, body: Any = None, params: Params = (), version: Microversion | None = None
    ) -> Reply:
        """A request and its answer, whatever it says."""
        url = await self.url() + path
        return await self.session.exchange(method, url, await self.headers(version), body, params)

    async def headers(self, version: Microversion | None = None) -> Mapping[str, str]:
        """The version headers: the older of Nova's two serves clouds from before Newton."""
        if self.kind.newest is None:
            return {}
        wanted = str(version or await self.newest())
        both = {"OpenStack-API-Version": f"{self.kind.name} {wanted}"}
        if self.kind is COMPUTE:
            both["X-OpenStack-Nova-API-Version"] = wanted
        return both

    async def versions(self) -> tuple[str, Microversion | None]:
        """The API version behind the endpoint and its highest microversion, from the service's version documents.

        Nova, Cinder and Keystone have one at the endpoint; Neutron and Glance only at its root, in a list.
        """
        match = _VERSIONED.match(await self.url())
        api = match["api"] if match else await self.url()
        root, segment = api.rsplit("/", 1)
        for where in (api, root):
            reply = await self.session.exchange("GET", where + "/", {})
            if reply.status in (200, 300) and (found := _entry(reply.body or {}, segment)):
                return str(found["id"]), Microversion.parse(found.get("version") or found.get("max_version") or "")
        raise Transient(f"{api}/ has no version document (status {reply.status})")

    async def _negotiate(self) -> Microversion:
        if self.kind.newest is None:
            raise Unsupported(f"{self.kind.name} has no microversions")
        _, theirs = await self.versions()
        oldest = Microversion(self.kind.newest.major, 1 if self.kind is COMPUTE else 0)
        return min(self.kind.newest, theirs or oldest)


def _entry(body: dict[str, Any], segment: str) -> dict[str, Any] | None:
    """The entry for a path segment such as 'v3' in a version document; of several minor ones the current."""
    if isinstance(one := body.get("version"), dict):
        return one
    listed = body.get("versions")
    found = listed if isinstance(listed, list) else []
    major = [entry for entry in found if str(entry["id"]).split(".")[0] == segment.split(".")[0]]
    return next((entry for entry in major if entry["status"] == "CURRENT"), major[0] if major else None)
