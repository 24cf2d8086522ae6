"""Imports: an image's bytes come from staging or the web, or go to further zones, and its task tells how it goes.

Called by the image API (`begin`), and by the reconcilers whenever a zone has the image or has refused it. What is left
to do is in the image's spec; a zone that is silent is waited for. Nothing is copied here: a zone that shall have the
image gets a realization, and the reconciler brings the bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Invalid, OverQuota
from vregion.model.resource import Kind, Realization, Resource, State
from vregion.region import image_limits, images, realizations, tasks
from vregion.region.regions import Transaction

IMPORT = "vregion:import"  # {"task", "method", "uri", "all", "targets": {backend: zone}, "order": [backend]}
STAGED = "vregion:staged"  # the facts of the bytes that were staged, shown when they are imported
TASK = "os_glance_import_task"
IMPORTING = "os_glance_importing_to_stores"
FAILED = "os_glance_failed_import"
DIRECT, WEB, COPY = "glance-direct", "web-download", "copy-image"
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Import:
    """One request. `targets`: (backend, zone), the first is tried first. `all_must_succeed`: one failure ends it."""

    method: str
    uri: str | None
    targets: Sequence[tuple[str, str]]
    all_must_succeed: bool
    given: Mapping[str, Any]
    kind: str = "api_image_import"


def check(image: Resource, method: str) -> None:
    """Whether that method fits the image's state. Raises Conflict in Glance's words (api/v2/images.py import_image)."""
    if image.status == "active" and method != COPY:
        raise Conflict("Image with status active cannot be target for import")
    if image.status != "active" and method == COPY:
        raise Conflict("Only images with status active can be targeted for copying")
    if image.status != "queued" and method == WEB:
        raise Conflict(f"Image needs to be in 'queued' state to use '{method}' method")
    if method == DIRECT and (image.status != "uploading" or STAGED not in image.spec):
        raise Conflict("Image needs to be staged before 'glance-direct' method can be used")
    for name in ("container_format", "disk_format"):
        if image.spec[name] is None:
            raise Conflict(f"'{name}' needs to be set before import")
    if IMPORT in image.spec:
        raise Conflict(f"New operation on image '{image.id}' is not permitted as prior operation is still in progress")


async def begin(tx: Transaction, caller: Caller, image: Resource, wanted: Import, now: datetime) -> Resource:
    """Written down; answers the task. What is there already is done at once. Raises Conflict, Invalid and OverQuota."""
    await image_limits.require(tx, caller.project_id, {image_limits.SIZE: 0})
    check(image, wanted.method)
    targets = list(wanted.targets)
    if wanted.method == COPY:
        targets = _missing(image, targets, everywhere=bool(wanted.given.get("all_stores")))
    given = {"image_id": image.id, "import_req": dict(wanted.given), "backend": [zone for _, zone in targets]}
    task = await tasks.begin(
        tx, caller, image.id, wanted.kind, dict(wanted.given) if wanted.kind == "import" else given, now
    )
    if not targets:
        await tasks.end(tx, task.id, now)
        return task
    running = {
        "task": task.id,
        "method": wanted.method,
        "uri": wanted.uri,
        "all": wanted.all_must_succeed,
        "targets": dict(targets),
        "order": [backend_id for backend_id, _ in targets],
    }
    spec = image.spec | {IMPORT: running, TASK: task.id, FAILED: ""}
    if wanted.method == DIRECT:
        spec |= image.spec[STAGED]
    status = image.status if wanted.method == COPY else "importing"
    spec[IMPORTING] = ",".join(sorted(zone for _, zone in targets))
    image = await images.write(tx, image, now, spec=spec, status=status)
    try:
        await image_limits.require(tx, caller.project_id, _deltas(image, wanted.method))
    except OverQuota as over:
        known = {r.backend_id: r for r in await realizations.of_resource(tx, Kind.IMAGE, image.id) if r.wanted}
        await _fail(tx, image, known, [], now, over.message)
        return task
    await _go_on(tx, image, now)
    return task


def _deltas(image: Resource, method: str) -> dict[str, int]:
    """What an import takes once it is written down (glance 33.0.0 async_/flows/api_image_import.py get_flow)."""
    mib = (image.spec["size"] or 0) // MIB
    return {image_limits.SIZE: mib} if method == DIRECT else {image_limits.STAGE: mib, image_limits.UPLOADING: 0}


async def settled(tx: Transaction, image: Resource, observed: Observed) -> None:
    """A zone was looked at."""
    image = await images.hold(tx, image)
    running, now = image.spec.get(IMPORT), datetime.now(UTC)
    if running is None or image.deleting:
        await images.settled(tx, image, observed)
        return
    if running["method"] == WEB and image.spec["os_hash_value"] is None and observed.document.get("status") == "active":
        facts = {name: observed.document.get(name) for name in images.FACTS}
        image = await images.write(tx, image, now, spec=image.spec | facts)
    await _go_on(tx, image, now)


async def stopped(tx: Transaction, image: Resource, reason: str) -> None:
    """A zone refused it, or what was to be downloaded cannot be."""
    image = await images.hold(tx, image)
    if IMPORT in image.spec and not image.deleting:
        await _go_on(tx, image, datetime.now(UTC))
    else:
        await images.stopped(tx, image, reason)


async def lost(tx: Transaction, image: Resource) -> None:
    """The backend that had it has it no more."""
    await stopped(tx, image, "lost")


def _missing(image: Resource, targets: list[tuple[str, str]], *, everywhere: bool) -> list[tuple[str, str]]:
    """The targets that do not have it. Raises Invalid when one that was named has it."""
    have = images.stores(image)
    present = [zone for backend_id, zone in targets if backend_id in have]
    if present and not everywhere:
        raise Invalid(f"Image is already present at store '{present[0]}'")
    return [target for target in targets if target[0] not in have]


async def _go_on(tx: Transaction, image: Resource, now: datetime) -> None:
    """Compare what is there with what was asked for, and end the import or take the next step."""
    running: dict[str, Any] = image.spec[IMPORT]
    known = {r.backend_id: r for r in await realizations.of_resource(tx, Kind.IMAGE, image.id) if r.wanted}
    done = [b for b in running["order"] if b in known and known[b].state is State.READY]
    failed = [b for b in running["order"] if b in known and known[b].state is State.ERROR]
    left = [b for b in running["order"] if b not in done and b not in failed]
    if failed and (running["all"] or not (done or left)):
        await _fail(tx, image, known, failed, now)
    elif not left:
        await _finish(tx, image, known, done, failed, now)
    else:
        somewhere = any(r.state is State.READY for r in known.values())
        for backend_id in left if somewhere else left[:1]:
            if backend_id not in known:
                await realizations.want(tx, Kind.IMAGE, image.id, backend_id, now)
        pinned = {} if running["all"] else {b: running["targets"][b] for b in done}
        await _show(tx, image, running, (left, failed), pinned, now)


async def _show(
    tx: Transaction,
    image: Resource,
    running: Mapping[str, Any],
    where: tuple[list[str], list[str]],
    pinned: Mapping[str, str],
    now: datetime,
) -> None:
    """How far it is. Where one zone is enough, the image is active as soon as one has it."""
    importing, failed = (",".join(sorted(running["targets"][b] for b in backends)) for backends in where)
    spec = image.spec | {IMPORTING: importing, FAILED: failed}
    columns: dict[str, Any] = {}
    if pinned and image.status == "importing":
        columns = {"status": "active", **_home(pinned)}
    if pinned:
        spec[images.STORES] = {**images.stores(image), **pinned}
    if spec != image.spec or columns:
        await images.write(tx, image, now, spec=spec, **columns)


async def _finish(
    tx: Transaction,
    image: Resource,
    known: Mapping[str, Realization],
    done: list[str],
    failed: list[str],
    now: datetime,
) -> None:
    """The image is active, and those zones are its stores. A staged copy that nobody asked for goes."""
    running: dict[str, Any] = image.spec[IMPORT]
    pinned = {b: running["targets"][b] for b in done}
    spec = {name: value for name, value in image.spec.items() if name not in (IMPORT, TASK, STAGED)}
    spec |= {IMPORTING: "", FAILED: ",".join(sorted(running["targets"][b] for b in failed))}
    spec[images.STORES] = images.stores(image) | pinned
    columns = {} if image.status == "active" else {"status": "active", **_home(pinned)}
    image = await images.write(tx, image, now, spec=spec, **columns)
    for backend_id, realization in known.items():
        if backend_id not in spec[images.STORES] and (backend_id in failed or running["method"] == DIRECT):
            await realizations.unwant(tx, Kind.IMAGE, image.id, now, backend_id)
        elif realization.generation < image.generation:
            await realizations.look_again(tx, realization, now)
    await tasks.end(tx, running["task"], now, message=f"Copied {(image.spec['size'] or 0) // MIB} MiB")


async def _fail(
    tx: Transaction,
    image: Resource,
    known: Mapping[str, Realization],
    failed: list[str],
    now: datetime,
    why: str = "the availability zone refused it",
) -> None:
    """What was made for this import goes. An image that had no bytes before is queued again."""
    running: dict[str, Any] = image.spec[IMPORT]
    spec = {name: value for name, value in image.spec.items() if name not in (IMPORT, TASK, STAGED)}
    spec |= {IMPORTING: "", FAILED: ",".join(sorted(running["targets"][b] for b in failed))}
    columns: dict[str, Any] = {}
    if image.status != "active" or running["method"] != COPY:
        spec |= dict.fromkeys(images.FACTS)
        columns = {"status": "queued", "availability_zone": None, "backend_id": None}
    kept = images.stores(image) if running["method"] == COPY else {}
    for backend_id, realization in known.items():
        copy = running["method"] == COPY and realization.state is State.READY  # a boot may need it: a ceiling drops it
        if backend_id not in kept and not copy:
            await realizations.unwant(tx, Kind.IMAGE, image.id, now, backend_id)
    await images.write(tx, image, now, spec=spec, **columns)
    reason = next((known[b].reason for b in failed if known[b].reason), why)
    await tasks.end(tx, running["task"], now, failure=str(reason))


def _home(pinned: Mapping[str, str]) -> dict[str, str]:
    backend_id, zone = next(iter(pinned.items()))
    return {"availability_zone": zone, "backend_id": backend_id}
