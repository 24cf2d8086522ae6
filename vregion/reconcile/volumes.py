"""Volumes on backends. What they begin with (snapshot, volume, image) is there before them.

A volume that follows a shelved server is reserved by that in its cloud, and Cinder copies nothing that is reserved. So
the helper of such a copy holds it: one more attachment for the same server, complete without a connection, by which the
volume shows as in use. It is the only read-only one, and ends with the helper, whatever became of that.
"""

from dataclasses import replace
from typing import Any

from vregion.drivers.contract import Answer, Gone, Observed, Permanent
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.reconcile.work import Work
from vregion.region import attachments, realizations, volume_copies, volume_hints, volume_moves, volume_types, volumes

_HOLD = "ro"  # the mode of the attachment that holds a volume for its copy


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Cinder's create body; the backend's own zone serves it, and for the type `default` its own default type."""
    spec = resource.spec
    wanted: dict[str, Any] = {name: spec.get(name) for name in ("size", "name", "description")}
    wanted["metadata"] = spec.get("metadata", {})
    if (kind := volume_types.of(resource)[0]) != volume_types.NAME:
        wanted["volume_type"] = kind
    if copy := spec.get(volume_copies.COPY):
        if (Kind.IMAGE, copy["image"]) not in references:
            raise Permanent("its copy is on the way", 409)
        return wanted | {"imageRef": references[Kind.IMAGE, copy["image"]]}
    for name, kind in (
        ("snapshot_id", Kind.SNAPSHOT),
        ("source_volid", Kind.VOLUME),
        ("backup_id", Kind.BACKUP),
        ("imageRef", Kind.IMAGE),
    ):
        if spec.get(name):
            wanted[name] = references[kind, spec[name]]
            break
    if hints := volume_hints.translated(spec.get("scheduler_hints", {}), references):
        wanted["OS-SCH-HNT:scheduler_hints"] = hints
    return wanted


def update(resource: Resource, references: References) -> dict[str, Any]:
    """What a tenant may change later; the size changes by a live call only."""
    spec = resource.spec
    told = {"name": spec.get("name"), "description": spec.get("description"), "metadata": spec.get("metadata", {})}
    if volume_copies.BOOTABLE in spec:
        told["bootable"] = spec[volume_copies.BOOTABLE]
    return told


async def make(work: Work, resource: Resource, body: dict[str, Any]) -> Observed:
    """Cinder's create; a source that a shelved server has reserved is held first."""
    if resource.spec.get(volume_copies.HELD):
        await _hold(work, str(body["source_volid"]))
    return await work.collection.create(resource.id, body)


async def watch(work: Work, observed: Observed) -> Observed:
    """Cinder calls a volume reserved for the moment before it is attached, and for as long as its server is shelved."""
    if observed.document["status"] != "reserved":
        return observed
    async with work.region.read() as tx:
        on_its_way = await attachments.coming(tx, work.realization.resource_id)
    return replace(observed, settled=not on_its_way)


async def release(work: Work, resource: Resource) -> None:
    """A helper has gone: its source is held no more, and shows so."""
    if not resource.spec.get(volume_copies.HELD):
        return
    async with work.region.read() as tx:
        key = (Kind.VOLUME, resource.spec["source_volid"])
        there = await realizations.external_ids(tx, work.realization.backend_id, [key])
    if key not in there:
        return
    try:
        for held in _holds(await work.collection.get(there[key])):
            _answered(await work.driver.call(Kind.VOLUME, there[key], "DELETE", f"/attachments/{held['id']}"))
    except Gone:
        return
    async with work.region.write() as tx:
        await realizations.look(tx, key, work.now())


async def _hold(work: Work, external_id: str) -> None:
    """Level, not edge: whatever of it was done before is found."""
    try:
        seen = await work.collection.get(external_id)
        if seen.document["status"] != "reserved":
            return
        held = _holds(seen)
        if not held:
            server = seen.document[attachments.EVERY][0]["instance"]
            wanted = {"volume_uuid": external_id, "instance_uuid": server, "mode": _HOLD}
            made = _answered(
                await work.driver.call(Kind.VOLUME, external_id, "POST", "/attachments", {"attachment": wanted})
            )
            held = [(made.body or {})["attachment"]]
        path = f"/attachments/{held[0]['id']}/action"
        _answered(await work.driver.call(Kind.VOLUME, external_id, "POST", path, {"os-complete": {}}))
    except Gone as gone:
        raise Permanent(gone.message, 404) from gone


def _holds(seen: Observed) -> list[dict[str, Any]]:
    return [one for one in seen.document.get(attachments.EVERY, []) if one["attach_mode"] == _HOLD]


def _answered(answer: Answer) -> Answer:
    """Raises Permanent with Cinder's words; what is gone already is fine."""
    if answer.status >= 400 and answer.status != 404:
        words = [one["message"] for one in (answer.body or {}).values() if isinstance(one, dict) and "message" in one]
        raise Permanent(str(words[0] if words else "the volume cannot be held for its copy"), answer.status)
    return answer


RECIPE = Recipe(
    kind=Kind.VOLUME,
    body=body,
    update=update,
    settled=volume_moves.settled,
    stopped=volume_moves.stopped,
    lost=volume_moves.lost,
    vanished=volumes.vanished,
    make=make,
    fill=watch,
    release=release,
)
