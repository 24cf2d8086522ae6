"""What a driver promises to the reconcilers and the live routes; the suite in tests/drivers holds every driver to it.

A driver is bound to one backend and one credential. It has a `Collection` for each kind of resource that the cloud
knows, some live calls, and an honest account of what the cloud can do. Bodies are OpenStack's own wire form (the inner
dictionary of the create request, newest microversion) with *external* ids: that is the house's lingua franca, and
drivers of other clouds translate it. Every call takes at most the driver's time limit, then raises `Transient`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from vregion.model.observed import Observed as Observed
from vregion.model.resource import Kind


class DriverError(Exception):
    """Whatever a backend does to us; `message` is the backend's own words where it had any."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Transient(DriverError):
    """Time-out, refused connection, 5xx, 429, lost credentials that may come back. Try later, the intent stands.

    `after` is the wait in seconds that the backend asked for. `reachable` is False when nothing answered at all.
    `in_doubt` says that the request was sent and not answered: the backend may still be at work on it.
    """

    def __init__(
        self, message: str, after: float | None = None, *, reachable: bool = True, in_doubt: bool = False
    ) -> None:
        super().__init__(message)
        self.after = after
        self.reachable = reachable
        self.in_doubt = in_doubt


class Permanent(DriverError):
    """The backend understood and refused (4xx): the same call will not succeed until something changes."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Exhausted(Permanent):
    """The backend's own quota or room is used up."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 403)


class Unsupported(Permanent):
    """This cloud (or this release of it) cannot do that; `message` names the capability."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 501)


class Gone(DriverError):
    """The backend is healthy and answers 404 for this external id."""


class Collection(Protocol):
    """One kind of resource on one backend. `mark` is vregion's own id of the resource, and makes orphans findable.

    create  An image's body may name a `volume` (external id): then the cloud makes the image of that volume.
            MUST leave the mark on what it makes, in the same call, and MUST do nothing that can fail after the
            resource exists. MUST NOT be retried inside the driver once the request may have reached the backend.
    get     MUST raise `Gone` for an unknown id, and MUST NOT raise it when the backend is ill. A volume in use, or
            about to be, has `every_attachment` beside Cinder's `attachments`: those not yet attached, too, as id,
            status, instance, attached_at and attach_mode; it is absent where the cloud cannot tell.
    find    MUST look by the mark only, never by likeness; None when nothing carries it. More than one: the oldest.
    update  MUST make the backend equal to the given fields; sending what is already there is harmless. A security
            group's may have `remote_members` (external id of a group -> CIDRs): rules that name it let these in, too;
            and `address_groups` (external id -> CIDRs): what is in those that its rules name.
    delete  MUST succeed on something already gone. It returns when the backend has accepted; `get` tells the end.
    """

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed: ...
    async def get(self, external_id: str) -> Observed: ...
    async def find(self, mark: str) -> Observed | None: ...
    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed: ...
    async def delete(self, external_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Changes:
    """Part of a change feed. `watermark` is what to pass next time; it overlaps, so items may come twice."""

    items: Sequence[Observed]
    watermark: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """A live call's answer: status and body as the backend gave them, with external ids."""

    status: int
    body: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Flavor:
    """A flavor that the backend offers, by what it is."""

    external_id: str
    name: str
    vcpus: int
    ram: int  # MiB
    disk: int  # GiB
    ephemeral: int = 0
    swap: int = 0
    extra_specs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found: services with versions and highest microversions, capabilities, limits, what is missing.

    `external_networks`: those that lead to the outside, in Neutron's wire form, each with its subnets' documents in
    place of their ids.
    """

    services: Mapping[str, Mapping[str, Any]]
    capabilities: frozenset[str]
    limits: Mapping[str, int]
    missing: Sequence[str]
    external_networks: Sequence[Mapping[str, Any]] = ()


class Driver(Protocol):
    """One backend, one credential. Made by `vregion.backends`, which owns its life."""

    @property
    def collections(self) -> Mapping[Kind, Collection]:
        """The kinds that can be realized; an absent kind is `Unsupported`."""
        ...

    async def check(self) -> Report: ...

    async def flavors(self) -> Sequence[Flavor]: ...

    async def create_flavor(self, flavor: Flavor) -> Flavor:
        """MAY raise `Unsupported` or `Permanent` (403) when the credential may not."""
        ...

    async def changes(self, kind: Kind, since: datetime | None) -> Changes:
        """All of our credential's resources of that kind that changed; MAY raise `Unsupported`: then each is asked."""
        ...

    async def call(
        self, kind: Kind, external_id: str, method: str, path: str = "", body: Mapping[str, Any] | None = None
    ) -> Answer:
        """A live call below one resource, e.g. SERVER, POST, '/action'; raises only `Transient`, `Gone`, `Unsupported`.

        A 4xx is an answer and comes back as one. The highest microversion that both sides know is used, unless
        `path` belongs to an API that ended earlier. Below a volume '/attachments' is Cinder's API of them: POST makes
        one of the volume that the body names; '/attachments/ID' and '/attachments/ID/action' are one's own.
        """
        ...

    async def upload(self, external_id: str, chunks: AsyncIterator[bytes], size: int | None) -> None:
        """Stream an image's bytes into a queued image; nothing is kept here."""
        ...

    def download(self, external_id: str, offset: int = 0) -> AsyncIterator[bytes]:
        """Stream an image's bytes, from a byte offset; raises `Gone` when there are none."""
        ...

    async def room(self) -> Mapping[str, tuple[int, int]]:
        """The limits of our credential's project and what is used of them: name -> (most, used); most -1: any number.

        The names are `instances`, `cores`, `ram` (MiB), `volumes` and `gigabytes`; what nobody can tell is absent.
        """
        ...

    async def project(self) -> str:
        """The backend's id of the project that this credential is for: what is made for that project is its own."""
        ...

    async def shelved_image(self, external_id: str) -> Observed | None:
        """The active image that shelving made of a server, which goes with it; None when there is none."""
        ...

    async def project_open(self, name: str, mark: str, *, new: bool = False) -> Mapping[str, str]:
        """Make a project with its own application credential for one virtual region; idempotent by mark.

        `new`: the caller knows that this is the first call with this mark, and nothing need be looked for.
        Returns the values of a `Credential`. Raises `Permanent` (403) when this credential may not.
        """
        ...

    async def project_close(self, mark: str) -> None:
        """Remove what `project_open` made. Gone already is fine."""
        ...

    async def close(self) -> None: ...
