"""QoS of volume types, as the zones' backends have it: by name, like the types themselves.

Called by the block storage API. Pure: a zone's binding carries the types of its backend, and a type its QoS, if the
last check of that backend was told it. Where zones have different QoS of one name, that of the first zone is shown.
"""

from collections.abc import Iterable
from typing import Any

from vregion.model.backend import Binding
from vregion.model.refusals import NotFound
from vregion.region import volume_types


def offered(zones: Iterable[Binding]) -> list[dict[str, Any]]:
    """Cinder's documents, by name."""
    found: dict[str, dict[str, Any]] = {}
    for qos in (one.qos for zone in zones for one in zone.volume_types if one.qos):
        found.setdefault(qos["name"], {"id": volume_types.qos_id(qos), **qos})
    return [found[name] for name in sorted(found)]


def find(zones: Iterable[Binding], qos_id: str) -> dict[str, Any]:
    """One by id. Raises NotFound."""
    for one in offered(zones):
        if one["id"] == qos_id:
            return one
    raise NotFound(f"No such QoS spec {qos_id}.")


def associations(zones: Iterable[Binding], qos_id: str) -> list[dict[str, str]]:
    """The volume types that have it, in whatever zone."""
    kinds = [one for zone in zones for one in zone.volume_types if one.qos and volume_types.qos_id(one.qos) == qos_id]
    named = {kind.name: volume_types.known_as(kind.name)["volume_type_id"] for kind in kinds}
    return [{"association_type": "volume_type", "name": name, "id": named[name]} for name in sorted(named)]
