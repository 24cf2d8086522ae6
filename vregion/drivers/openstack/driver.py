"""The OpenStack driver: one cloud, one credential, put together from its services and collections.

Made by `vregion.backends`. It holds no rules of its own: those lie in the files named after the resources.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import aiohttp

from vregion.drivers.contract import (
    Answer,
    Changes,
    Collection,
    Flavor,
    Gone,
    Observed,
    Report,
    Transient,
    Unsupported,
)
from vregion.drivers.openstack import check, flavors, room
from vregion.drivers.openstack.address_groups import AddressGroups
from vregion.drivers.openstack.backups import Backups
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.faults import error_of
from vregion.drivers.openstack.floating_ips import FloatingIps
from vregion.drivers.openstack.images import Images
from vregion.drivers.openstack.keypairs import Keypairs
from vregion.drivers.openstack.networks import Networks
from vregion.drivers.openstack.ports import Ports
from vregion.drivers.openstack.projects import Projects
from vregion.drivers.openstack.qos_policies import QosPolicies
from vregion.drivers.openstack.routers import Routers
from vregion.drivers.openstack.security_groups import SecurityGroups
from vregion.drivers.openstack.server_groups import ServerGroups
from vregion.drivers.openstack.servers import Servers
from vregion.drivers.openstack.service import COMPUTE, IDENTITY, IMAGE, NETWORK, VOLUME, Service
from vregion.drivers.openstack.session import Session
from vregion.drivers.openstack.snapshots import Snapshots
from vregion.drivers.openstack.subnets import Subnets
from vregion.drivers.openstack.trunks import Trunks
from vregion.drivers.openstack.volumes import Volumes
from vregion.model.backend import Backend, Credential
from vregion.model.microversion import Microversion
from vregion.model.resource import Kind

# APIs that ended, by the action or the path that names them, and the last microversion that has them
# (nova/api/openstack/compute: remote_consoles.py, multinic.py, floating_ips.py; servers.py for files in a rebuild).
_ENDED = {
    # Not ended, but asynchronous from 2.101 on, when the answer no longer names the device (nova 34.0.0
    # api/openstack/compute/volume_attachments.py create).
    "volumeAttachment": Microversion(2, 100),
    "os-getVNCConsole": Microversion(2, 5),
    "os-getSPICEConsole": Microversion(2, 5),
    "os-getRDPConsole": Microversion(2, 5),
    "os-getSerialConsole": Microversion(2, 5),
    "addFixedIp": Microversion(2, 43),
    "removeFixedIp": Microversion(2, 43),
    "addFloatingIp": Microversion(2, 43),
    "removeFloatingIp": Microversion(2, 43),
    "/os-virtual-interfaces": Microversion(2, 43),
}
_NO_ANSWER = (401, 404, 408, 429)  # of these, a 404 for something below the resource is an answer all the same
_FILES_IN_REBUILD = Microversion(2, 56)


class OpenStackDriver:
    """The contract's `Driver` over one OpenStack region."""

    def __init__(
        self,
        backend: Backend,
        credential: Credential,
        session: aiohttp.ClientSession | None = None,
        timeout: float = 60.0,
    ) -> None:
        """Must be called in a running loop when no client session is handed in; one of our own is closed with us."""
        client = session or aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self._own = None if session else client
        self._session = Session(backend, credential, client, timeout)
        self.compute = Service(self._session, COMPUTE)
        self.volume = Service(self._session, VOLUME)
        self.network = Service(self._session, NETWORK)
        self.image = Service(self._session, IMAGE)
        self.identity = Service(self._session, IDENTITY)
        self._projects = Projects(self.identity, self.compute, self.volume, self.network)
        self._images = Images(self.image, self.volume)
        self._resources: dict[Kind, Resources] = {
            Kind.SERVER: Servers(self.compute),
            Kind.SERVER_GROUP: ServerGroups(self.compute),
            Kind.KEYPAIR: Keypairs(self.compute),
            Kind.IMAGE: self._images,
            Kind.VOLUME: Volumes(self.volume),
            Kind.SNAPSHOT: Snapshots(self.volume),
            Kind.BACKUP: Backups(self.volume),
            Kind.NETWORK: Networks(self.network),
            Kind.SUBNET: Subnets(self.network),
            Kind.PORT: Ports(self.network),
            Kind.SECURITY_GROUP: SecurityGroups(self.network),
            Kind.ADDRESS_GROUP: AddressGroups(self.network),
            Kind.ROUTER: Routers(self.network),
            Kind.FLOATING_IP: FloatingIps(self.network),
            Kind.QOS_POLICY: QosPolicies(self.network),
            Kind.TRUNK: Trunks(self.network),
        }

    @property
    def collections(self) -> Mapping[Kind, Collection]:
        """All kinds that OpenStack has."""
        return self._resources

    async def check(self) -> Report:
        """What the cloud offers to this credential."""
        services = (self.identity, self.compute, self.volume, self.network, self.image)
        return await check.report({service.kind.name: service for service in services})

    async def flavors(self) -> Sequence[Flavor]:
        """The flavors of the cloud that this credential sees."""
        return await flavors.listed(self.compute)

    async def create_flavor(self, flavor: Flavor) -> Flavor:
        """An administrator's right."""
        return await flavors.created(self.compute, flavor)

    async def changes(self, kind: Kind, since: datetime | None) -> Changes:
        """Servers, volumes, snapshots and ports have a feed."""
        return await self._of(kind).changes(since)

    async def call(
        self, kind: Kind, external_id: str, method: str, path: str = "", body: Mapping[str, Any] | None = None
    ) -> Answer:
        """A live call below one resource; what the service refuses is an answer too."""
        resources = self._of(kind)
        version = _last_version(path, body or {}) if resources.service is self.compute else None
        if version:
            version = min(version, await self.compute.newest())
        place = await resources.place(external_id, path, body or {})
        reply = await resources.service.exchange(method, place, None if body is None else dict(body), version=version)
        if reply.status >= 500 or reply.status in _NO_ANSWER:
            error = error_of(reply, external_id)
            if isinstance(error, (Transient, Gone)):
                raise error
        return Answer(reply.status, reply.body)

    async def upload(self, external_id: str, chunks: AsyncIterator[bytes], size: int | None) -> None:
        """Stream an image's bytes in."""
        await self._images.upload(external_id, chunks, size)

    def download(self, external_id: str, offset: int = 0) -> AsyncIterator[bytes]:
        """Stream an image's bytes out."""
        return self._images.download(external_id, offset)

    async def room(self) -> Mapping[str, tuple[int, int]]:
        """By the limits of Nova and Cinder."""
        return await room.told(self.compute, self.volume)

    async def project(self) -> str:
        """The project of our token; a credential for a domain has none."""
        project_id = (await self._session.token()).project_id
        if project_id is None:
            raise Unsupported("project: the credential is for a domain")
        return project_id

    async def shelved_image(self, external_id: str) -> Observed | None:
        """Nova shows it nowhere: it is known by its name and its server."""
        return await self._images.shelved(external_id)

    async def project_open(self, name: str, mark: str, *, new: bool = False) -> Mapping[str, str]:
        """A project for one virtual region, with a credential of its own."""
        return await self._projects.open(name, mark, new)

    async def project_close(self, mark: str) -> None:
        """Remove what `project_open` made."""
        await self._projects.close(mark)

    async def close(self) -> None:
        """End our own connections; a session that was handed in stays open."""
        if self._own:
            await self._own.close()

    def _of(self, kind: Kind) -> Resources:
        try:
            return self._resources[kind]
        except KeyError:
            raise Unsupported(str(kind)) from None


def _last_version(path: str, body: Mapping[str, Any]) -> Microversion | None:
    """The microversion at which the API of a call ended; None when it has not."""
    named = path if path in _ENDED else next(iter(body), "")
    if named == "rebuild" and isinstance(body["rebuild"], dict) and "personality" in body["rebuild"]:
        return _FILES_IN_REBUILD
    return _ENDED.get(named)
