"""Volume types: one list for the virtual region, by name, made of what its zones' backends offer.

Called by the block storage API, `volumes` and `groups`. Pure: a zone's binding carries the types of its backend. A type
has the same id everywhere, made of its name. `default` is in every zone: the backend's own default type serves it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from vregion.model.backend import Binding
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Resource

NAME = "default"
ID = "5f0f8d12-7f4a-4a3e-9d0a-6c1f5f2a9b11"
ZONES = "RESKEY:availability_zones"  # Cinder's own extra spec for where a type is


def offered(zones: Iterable[Binding]) -> list[dict[str, Any]]:
    """Cinder's documents as an admin sees them, `default` first, the others by name."""
    found: dict[str, dict[str, Any]] = {}
    for zone in zones:
        for one in zone.volume_types:
            known = found.setdefault(one.name, _document(one.name, one.description))
            specs = known["extra_specs"]
            where = [*specs.get(ZONES, "").split(","), zone.availability_zone]
            specs |= one.extra_specs | {ZONES: ",".join(filter(None, where))}
            known["qos_specs_id"] = known["qos_specs_id"] or (qos_id(one.qos) if one.qos else None)
    found[NAME] = _document(NAME, "The default type of each availability zone") | {"id": ID}
    return sorted(found.values(), key=lambda one: (one["id"] != ID, one["name"]))


def find(zones: Iterable[Binding], name_or_id: str) -> dict[str, Any]:
    """By name or id. Raises NotFound."""
    for one in offered(zones):
        if name_or_id in (one["id"], one["name"]):
            return one
    raise NotFound(f"Volume type {name_or_id} could not be found.")


def named(zones: Iterable[Binding], name_or_id: str) -> dict[str, Any]:
    """What a request asks for; Cinder tells an unknown name from an unknown id. Raises NotFound."""
    try:
        return find(zones, name_or_id)
    except NotFound:
        try:
            UUID(name_or_id)
        except ValueError:
            raise NotFound(f"Volume type with name {name_or_id} could not be found.") from None
        raise


def known(zones: Iterable[Binding], type_id: str | None) -> dict[str, Any] | None:
    """A type by its id, as long as a zone has it."""
    return next((one for one in offered(zones) if one["id"] == type_id), None) if type_id else None


def having(zones: Sequence[Binding], kind: Mapping[str, Any] | None) -> list[Binding]:
    """The zones that have a type."""
    if kind is None or kind["id"] == ID:
        return list(zones)
    return [zone for zone in zones if kind["name"] in (one.name for one in zone.volume_types)]


def refuse(kind: Mapping[str, Any]) -> Invalid:
    """Cinder's words for a type that is not in the zone asked for."""
    return Invalid(f"Volume type is only supported in these availability zones: {kind['extra_specs'].get(ZONES, '')}")


def of(volume: Resource) -> tuple[str, str]:
    """Name and id of a volume's type."""
    return volume.spec.get("volume_type", NAME), volume.spec.get("volume_type_id", ID)


def known_as(name: str) -> dict[str, str]:
    """What a volume's spec says of a type that its backend names."""
    return {"volume_type": name, "volume_type_id": str(uuid5(UUID(ID), name))}


def qos_id(qos: Mapping[str, Any]) -> str:
    """The id of a QoS, made of its name."""
    return str(uuid5(UUID(ID), f"qos/{qos['name']}"))


def _document(name: str, description: str | None) -> dict[str, Any]:
    return {
        "id": str(uuid5(UUID(ID), name)),
        "name": name,
        "is_public": True,
        "description": description,
        "extra_specs": {},
        "qos_specs_id": None,
        "os-volume-type-access:is_public": True,
    }
