"""One project's credential to a memory cloud: the contract's `Driver`. Opened by `vregion.backends`.

Takes no lock and starts nothing: between two awaits a call is whole, and the cloud's time is its clock's.
"""

import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from vregion.drivers.contract import (
    Answer,
    Changes,
    Collection,
    Flavor,
    Observed,
    Permanent,
    Report,
    Unsupported,
)
from vregion.drivers.memory import room
from vregion.drivers.memory.address_groups import AddressGroups
from vregion.drivers.memory.backups import Backups
from vregion.drivers.memory.cloud import MemoryCloud
from vregion.drivers.memory.collection import MemoryCollection, copied
from vregion.drivers.memory.floating_ips import FloatingIps
from vregion.drivers.memory.images import Images, Writer
from vregion.drivers.memory.keypairs import Keypairs
from vregion.drivers.memory.networks import Networks
from vregion.drivers.memory.ports import Ports
from vregion.drivers.memory.qos_policies import TYPES, QosPolicies
from vregion.drivers.memory.routers import Routers
from vregion.drivers.memory.security_groups import SecurityGroups
from vregion.drivers.memory.server_groups import ServerGroups
from vregion.drivers.memory.servers import Servers
from vregion.drivers.memory.snapshots import Snapshots
from vregion.drivers.memory.subnets import Subnets
from vregion.drivers.memory.trunks import Trunks
from vregion.drivers.memory.volumes import Volumes
from vregion.model.backend import Backend, Credential
from vregion.model.resource import Kind

T = TypeVar("T")
_FAULTS = {400: "badRequest", 403: "forbidden", 404: "itemNotFound", 409: "conflictingRequest", 501: "notImplemented"}
_ROOMS: tuple[Callable[[MemoryCloud, str], MemoryCollection], ...] = (
    QosPolicies, Networks, Subnets, AddressGroups, SecurityGroups, Ports, Routers, FloatingIps, Images, Keypairs,
    ServerGroups, Volumes, Snapshots, Backups, Servers, Trunks,
)  # fmt: skip
_FED = frozenset({Kind.SERVER, Kind.VOLUME, Kind.SNAPSHOT, Kind.PORT})
_SERVICES: dict[str, dict[str, Any]] = {
    "identity": {"version": "v3.14", "microversion": None},
    "compute": {"version": "v2.1", "microversion": "2.104"},
    "volume": {"version": "v3.0", "microversion": "3.71"},
    "network": {"version": "v2.0", "microversion": None},
    "image": {"version": "v2.17", "microversion": None},
}
_CAPABILITIES = frozenset({
    "server.changes", "server.description", "server.tags", "server.hostname", "server.hostname.fqdn",
    "server.personality", "server.trusted_image_certificates", "server.networks.none", "server.device_tags",
    "server.block_device.volume_type",
    "volume.extend.attached", "flavor.create", "project.open", "network.router", "network.floating-ip-port-forwarding",
    "network.segments", "network.provider",
})  # fmt: skip
_LIMITS = {
    Kind.SERVER: "compute.maxTotalInstances", Kind.KEYPAIR: "compute.maxTotalKeypairs",
    Kind.SERVER_GROUP: "compute.maxServerGroups", Kind.VOLUME: "volume.maxTotalVolumes",
    Kind.SNAPSHOT: "volume.maxTotalSnapshots", Kind.NETWORK: "network.network", Kind.SUBNET: "network.subnet",
    Kind.PORT: "network.port", Kind.SECURITY_GROUP: "network.security_group", Kind.ROUTER: "network.router",
    Kind.FLOATING_IP: "network.floatingip",
}  # fmt: skip


class MemoryDriver:
    """`project` is the credential: what a driver sees and counts is that project's."""

    def __init__(self, cloud: MemoryCloud, project: str) -> None:
        self.cloud = cloud
        self.project_id = project
        self._images = Images(cloud, project)
        self._rooms = {room.kind: room for room in (make(cloud, project) for make in _ROOMS)}

    @classmethod
    def open(cls, backend: Backend, credential: Credential) -> "MemoryDriver":
        """The driver of a binding: `backend.address` names the cloud, the credential's `project` the project."""
        return cls(MemoryCloud.at(backend.address), credential.values["project"])

    @property
    def collections(self) -> Mapping[Kind, Collection]:
        return self._rooms

    async def check(self) -> Report:
        limits = {_LIMITS[kind]: ceiling for kind, ceiling in self.cloud.quotas.items() if kind in _LIMITS}
        types: list[dict[str, Any]] = [
            {"name": name, "description": None, "extra_specs": {}} for name in self.cloud.volume_types
        ]
        rules: dict[str, list[Any]] = {rule_type: [] for rule_type in TYPES if self.cloud.has_qos}
        services = _SERVICES | {
            "volume": _SERVICES["volume"] | {"types": types, "qos": self._volume_qos()},
            "network": _SERVICES["network"] | {"qos_rule_types": rules},
        }
        return await self._step(
            "check", None, lambda: Report(services, _CAPABILITIES | self._more(), limits, (), self._external())
        )

    def _volume_qos(self) -> dict[str, dict[str, Any]]:
        """Administrators alone see it."""
        return self.cloud.volume_qos if self.project_id in self.cloud.administrators else {}

    def _external(self) -> list[dict[str, Any]]:
        """Networks to the outside with their subnets."""
        subnets = self.cloud.rows[Kind.SUBNET]
        return [
            copied(row.document | {"subnets": [subnets[i].document for i in row.document["subnets"]]})
            for row in self.cloud.of(Kind.NETWORK)
            if row.document["router:external"]
        ]

    def _more(self) -> frozenset[str]:
        found = {
            "network.external": bool(self._external()),
            "network.qos": self.cloud.has_qos,
            "network.trunk": self.cloud.has_trunks,
            "network.dns-integration": self.cloud.has_names,
            "network.external-gateway-multihoming": self.cloud.has_gateways,
        }
        return frozenset(name for name, there in found.items() if there)

    async def flavors(self) -> Sequence[Flavor]:
        return await self._step("flavors", Kind.FLAVOR, lambda: tuple(self.cloud.flavors.values()))

    async def create_flavor(self, flavor: Flavor) -> Flavor:
        def made() -> Flavor:
            if self.cloud.flavors_forbidden:
                raise Permanent("Policy doesn't allow os_compute_api:os-flavor-manage:create to be performed.", 403)
            if any(there.name == flavor.name for there in self.cloud.flavors.values()):
                raise Permanent(f"Flavor with name {flavor.name} already exists.", 409)
            new = replace(flavor, external_id=str(uuid.uuid4()))
            self.cloud.flavors[new.external_id] = new
            return new

        return await self._step("create", Kind.FLAVOR, made)

    async def changes(self, kind: Kind, since: datetime | None) -> Changes:
        """As OpenStack has them: Nova tells what changed since a time, deletions too; the others list all there is."""
        room = self._room(kind)
        if kind not in _FED:
            raise Unsupported(f"{kind}.changes")
        after = since if kind == Kind.SERVER else None

        def listed() -> Changes:
            own = self.cloud.of(kind, self.project_id)
            items = [room.observe(row) for row in own if after is None or row.changed >= after]
            if after is not None:
                graves = (row for row in self.cloud.graves[kind] if row.project == self.project_id)
                items += [Observed(row.id, copied(row.document), absent=True) for row in graves if row.changed >= after]
            return Changes(items, self.cloud.clock())

        return await room.step("changes", listed)

    async def call(
        self, kind: Kind, external_id: str, method: str, path: str = "", body: Mapping[str, Any] | None = None
    ) -> Answer:
        room = self._room(kind)

        def answered() -> Answer:
            row = room.row(external_id)
            try:
                answer = room.call(row, method, path, copied(body or {}))
            except Permanent as refusal:
                fault = {"code": refusal.status, "message": refusal.message}
                return Answer(refusal.status, {_FAULTS.get(refusal.status, "badRequest"): fault})
            except KeyError as missing:
                words = f"Invalid input for field/attribute: {missing} is a required property"
                return Answer(400, {"badRequest": {"code": 400, "message": words}})
            return Answer(answer.status, copied(answer.body) if answer.body is not None else None)

        return await room.step("call", answered)

    async def upload(self, external_id: str, chunks: AsyncIterator[bytes], size: int | None) -> None:
        """The image is looked at, then the bytes come, then the call: what happens between leaves it queued."""
        await self._images.step("get", lambda: self._images.queued(external_id))
        with Writer(self.cloud) as writer:
            async for chunk in chunks:
                writer.write(chunk)
        if size not in (None, writer.content.size):
            raise Permanent(f"{writer.content.size} bytes instead of the {size} that were announced")
        await self._images.step("upload", lambda: self._images.take(external_id, writer.content))

    async def download(self, external_id: str, offset: int = 0) -> AsyncIterator[bytes]:
        content = await self._images.step("download", lambda: self._images.content(external_id))
        for chunk in content.read(offset):
            yield chunk

    async def room(self) -> Mapping[str, tuple[int, int]]:
        return await self._step("room", None, lambda: room.told(self.cloud, self.project_id))

    async def project(self) -> str:
        return self.project_id

    async def shelved_image(self, external_id: str) -> Observed | None:
        def found() -> Observed | None:
            image_id = self._rooms[Kind.SERVER].row(external_id).extra.get("shelved_image")
            return self._images.observe(self._images.row(image_id)) if image_id in self.cloud.rows[Kind.IMAGE] else None

        return await self._images.step("shelved", found)

    async def project_open(self, name: str, mark: str, *, new: bool = False) -> Mapping[str, str]:
        def opened() -> Mapping[str, str]:
            if new and mark in self.cloud.projects:
                raise Permanent(f"There is a project with the mark {mark}, and it was called new.", 409)
            return {"project": self.cloud.projects.setdefault(mark, uuid.uuid4().hex)}

        return await self._step("project_open", None, opened)

    async def project_close(self, mark: str) -> None:
        def closed() -> None:
            if project := self.cloud.projects.pop(mark, None):
                self.cloud.closed.add(project)
                for group in [
                    row for row in self.cloud.of(Kind.SECURITY_GROUP, project) if row.document["name"] == "default"
                ]:
                    self.cloud.remove(group)

        await self._step("project_close", None, closed)

    async def close(self) -> None:
        """Nothing is held."""

    async def _step(self, operation: str, kind: Kind | None, effect: Callable[[], T]) -> T:
        return await self.cloud.step(self.project_id, operation, kind, effect)

    def _room(self, kind: Kind) -> MemoryCollection:
        if kind not in self._rooms:
            raise Unsupported(f"This cloud has no {kind}.")
        return self._rooms[kind]
