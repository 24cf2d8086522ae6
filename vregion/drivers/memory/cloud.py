"""The cloud behind the memory drivers: rows, time, quotas, what was deleted. One object per backend, shared by many
drivers, each of which is one project's credential. The kinds' own rules are in their modules; this one only keeps.

Time is the handed-in clock. Work that takes time is a list of effects with due times, run before the next call.
"""

import asyncio
import heapq
import itertools
import shutil
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar, TypeVar

from vregion.drivers.contract import Exhausted, Flavor, Transient
from vregion.drivers.memory.faults import Faults, Sleep
from vregion.model.resource import Kind

T = TypeVar("T")
NEUTRON = frozenset({
    Kind.NETWORK, Kind.SUBNET, Kind.PORT, Kind.SECURITY_GROUP, Kind.ROUTER, Kind.FLOATING_IP, Kind.QOS_POLICY,
    Kind.TRUNK,
})  # fmt: skip
CINDER = frozenset({Kind.VOLUME, Kind.SNAPSHOT, Kind.BACKUP})
FLAVORS = (("m1.tiny", 1, 512, 1), ("m1.small", 1, 2048, 20), ("m1.medium", 2, 4096, 40))


def utc_now() -> datetime:
    """The clock of a cloud that no test holds."""
    return datetime.now(UTC)


@dataclass(slots=True, eq=False)
class Row:
    """One resource. `document` is what a show answers; `extra` what the cloud knows beside it; `release` lets go."""

    kind: Kind
    id: str
    project: str
    document: dict[str, Any]
    changed: datetime
    mark: str | None
    extra: dict[str, Any] = field(default_factory=dict)
    release: Callable[[], None] = lambda: None
    alive: bool = True


class MemoryCloud:
    """`settle_seconds`: how long builds, deletions and actions take by `clock`; 0: done at the next observation.

    `quotas` are ceilings per kind and project, `limits` those of cores, ram (MiB) and gigabytes. `flavors_forbidden`
    refuses `create_flavor` as a plain project's credential is refused. `volume_types` are names; the first is the
    default; `volume_qos` is the QoS of those that have some.
    `address_groups` are the members elsewhere of security groups, by the group's id.
    `administrators` are the projects whose credentials may act for others and choose segments; those in `managed` may
    make QoS policies for themselves, where the cloud has QoS at all (`has_qos`; `has_trunks`,
    `has_names` of ports and several `has_gateways` of a router are the like).
    """

    clouds: ClassVar[dict[str, "MemoryCloud"]] = {}

    def __init__(
        self,
        name: str,
        clock: Callable[[], datetime] = utc_now,
        settle_seconds: float = 0.0,
        sleep: Sleep | None = None,
    ) -> None:
        self.name = name
        self.clock = clock
        self.settle_seconds = settle_seconds
        self.availability_zone = "nova"
        self.faults = Faults(sleep or asyncio.sleep)
        self.quotas: dict[Kind, int] = {}
        self.limits: dict[str, int] = {}
        self.flavors = {f.external_id: f for f in (Flavor(str(uuid.uuid4()), *form) for form in FLAVORS)}
        self.flavors_forbidden = False
        self.volume_types = {"memory": str(uuid.uuid4())}
        self.volume_qos: dict[str, dict[str, Any]] = {
            "memory": {"name": "slow", "consumer": "front-end", "specs": {"total_iops_sec": "500"}}
        }
        self.projects: dict[str, str] = {}
        self.address_groups: dict[str, list[str]] = {}
        self.administrators = {"admin", "provider"}
        self.managed: set[str] = set()
        self.has_qos = self.has_trunks = self.has_names = self.has_gateways = True
        self.closed: set[str] = set()
        self.rows: dict[Kind, dict[str, Row]] = {kind: {} for kind in Kind}
        self.marks: dict[tuple[Kind, str], list[Row]] = {}
        self.graves: dict[Kind, deque[Row]] = {kind: deque(maxlen=100_000) for kind in Kind}
        self._due: list[tuple[datetime, int, Row, Callable[[], None]]] = []
        self._order = itertools.count()
        self._directory: Path | None = None

    @classmethod
    def at(cls, address: str) -> "MemoryCloud":
        """The cloud of that name in this process; a new one works as the demo's do."""
        if address not in cls.clouds:
            cls.clouds[address] = cls(address, settle_seconds=0.2)
        return cls.clouds[address]

    async def step(self, project: str, operation: str, kind: Kind | None, effect: Callable[[], T]) -> T:
        """One call of a project's credential, through the faults, after all that was due by now."""

        def settled() -> T:
            if project in self.closed:
                raise Transient("The request you have made requires authentication.")
            self.settle()
            return effect()

        return await self.faults.around(operation, kind, settled)

    def of(self, kind: Kind, project: str | None = None) -> Iterator[Row]:
        """All rows of a kind, or one project's."""
        return (row for row in self.rows[kind].values() if project in (None, row.project))

    def count(self, kind: Kind, project: str | None = None) -> int:
        """How many there are, for leak checks; a project's own 'default' security group is not one of them."""
        automatic = "default" if kind == Kind.SECURITY_GROUP else ()
        return sum(row.document.get("name") != automatic for row in self.of(kind, project))

    def visible(self, kind: Kind, external_id: object, project: str) -> Row | None:
        """The row as that project may refer to it: its own, or a public image, or a shared network."""
        row = self.rows[kind].get(str(external_id))
        open_to_all = row and (
            row.document.get("visibility") == "public"
            or row.document.get("shared")
            or row.document.get("router:external")
        )
        return row if row and (row.project == project or open_to_all) else None

    def add(self, kind: Kind, project: str, document: dict[str, Any], mark: str | None = None) -> Row:
        """A new resource, unless the project's ceiling is reached; its id is `document['id']` or a new one."""
        ceiling = self.quotas.get(kind)
        if ceiling is not None and self.count(kind, project) >= ceiling:
            raise Exhausted(f"Quota exceeded for resources: ['{kind}']: limit {ceiling}.")
        document = {"id": str(uuid.uuid4())} | document
        row = Row(kind, document["id"], project, document, self.clock(), mark)
        self._stamp(row, ("created_at", "created"))
        self._stamp(row, ("updated_at", "updated"))
        self.rows[kind][row.id] = row
        if mark is not None:
            self.marks.setdefault((kind, mark), []).append(row)
        return row

    def touch(self, row: Row, at: datetime | None = None) -> None:
        """The row changed now (or when an effect was due)."""
        row.changed = at or self.clock()
        self._stamp(row, ("updated_at", "updated"))
        if row.kind in NEUTRON:
            row.document["revision_number"] += 1

    def _stamp(self, row: Row, names: tuple[str, str]) -> None:
        form = "%Y-%m-%dT%H:%M:%S.%f" if row.kind in CINDER else "%Y-%m-%dT%H:%M:%SZ"
        if row.kind == Kind.SERVER:
            row.document[names[1]] = row.changed.strftime(form)
        elif row.kind not in (Kind.KEYPAIR, Kind.SERVER_GROUP):
            row.document[names[0]] = row.changed.strftime(form)

    def remove(self, row: Row) -> None:
        """The resource is gone; what it held is free again."""
        if self.rows[row.kind].pop(row.id, None) is None:
            return
        row.alive = False
        row.release()
        row.changed = self.clock()
        row.extra.pop("content", None)
        if row.mark is not None:
            self.marks[row.kind, row.mark].remove(row)
            if not self.marks[row.kind, row.mark]:
                del self.marks[row.kind, row.mark]
        self.graves[row.kind].append(row)

    def later(self, row: Row, effect: Callable[[], None]) -> None:
        """The effect happens `settle_seconds` from now, if the row is still there then."""
        due = self.clock() + timedelta(seconds=self.settle_seconds)
        heapq.heappush(self._due, (due, next(self._order), row, effect))

    def settle(self) -> None:
        """Let everything happen that is due."""
        now = self.clock()
        while self._due and self._due[0][0] <= now:
            due, _, row, effect = heapq.heappop(self._due)
            if row.alive:
                effect()
                if row.alive:
                    self.touch(row, due)

    def delete_behind_back(self, kind: Kind, external_id: str) -> None:
        """As if somebody had deleted it with another credential."""
        self.remove(self.rows[kind][external_id])

    def change_behind_back(self, kind: Kind, external_id: str, fields: dict[str, Any]) -> None:
        """As if somebody had changed it with another credential."""
        row = self.rows[kind][external_id]
        row.document |= fields
        self.touch(row)

    def file(self) -> Path:
        """A fresh path for image bytes; the directory goes with the cloud."""
        if self._directory is None:
            self._directory = Path(mkdtemp(prefix="vregion-memory-"))
            weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        return self._directory / uuid.uuid4().hex
