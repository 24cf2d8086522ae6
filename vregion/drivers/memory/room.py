"""What a project may still make on a memory cloud: its ceilings, and what stands there now.

`told` answers the driver's `room`; `take` is asked by servers and volumes before they are made, and refuses in the
words of Nova's and Cinder's quota. Nothing is kept: usage is counted from the rows.
"""

from collections.abc import Mapping

from vregion.drivers.contract import Exhausted
from vregion.drivers.memory.cloud import MemoryCloud
from vregion.model.resource import Kind


def told(cloud: MemoryCloud, project: str) -> dict[str, tuple[int, int]]:
    """name -> (most, used); -1: any number."""
    used = _used(cloud, project)
    counted = {"instances": cloud.quotas.get(Kind.SERVER, -1), "volumes": cloud.quotas.get(Kind.VOLUME, -1)}
    most = counted | {name: cloud.limits.get(name, -1) for name in ("cores", "ram", "gigabytes")}
    return {name: (most[name], used[name]) for name in most}


def take(cloud: MemoryCloud, project: str, amounts: Mapping[str, int]) -> None:
    """Raises Exhausted when so much more does not fit."""
    if not cloud.limits:
        return
    for name, (most, used) in told(cloud, project).items():
        amount = amounts.get(name, 0)
        if amount and 0 <= most < used + amount:
            raise Exhausted(f"Quota exceeded for {name}: Requested {amount}, but already used {used} of {most} {name}")


def _used(cloud: MemoryCloud, project: str) -> dict[str, int]:
    flavors = [row.extra["flavor"] for row in cloud.of(Kind.SERVER, project)]
    volumes = list(cloud.of(Kind.VOLUME, project))
    return {
        "instances": len(flavors),
        "cores": sum(flavor.vcpus for flavor in flavors),
        "ram": sum(flavor.ram for flavor in flavors),
        "volumes": len(volumes),
        "gigabytes": sum(row.document["size"] for row in volumes),
    }
