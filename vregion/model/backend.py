"""The real clouds and how a virtual region reaches them.

A backend is one real cloud. A binding says: in this virtual region, this availability zone is that backend, reached
with this credential. The credential itself is sealed in the directory; here is only what may be seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vregion.model.interconnect import Join


@dataclass(frozen=True, slots=True)
class Backend:
    """One OpenStack region, one AWS account and region, one Azure subscription and location, or a memory cloud.

    `driver` names the driver ('openstack', 'memory', ...); `address` is what that driver connects to (the Keystone
    URL for OpenStack); `region_name` selects the endpoints there.
    """

    id: str
    name: str
    driver: str
    address: str
    region_name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VolumeType:
    """A volume type that a backend offers to all its projects; `extra_specs`: those that Cinder shows to a tenant.

    `qos`: its QoS (name, consumer, specs), where the backend's check was told it: Cinder tells administrators alone.
    """

    name: str
    description: str | None = None
    extra_specs: dict[str, str] = field(default_factory=dict)
    qos: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """(virtual region, availability zone) -> backend. `state` is 'enabled' or 'draining' (no new resources).

    `volume_types`: what the backend offered at its last check; only the bindings in use carry it, and `qos_rule_types`:
    the types of QoS rules that it can carry out, with what it says of their parameters; None: it was not asked yet.
    `capabilities`: what that check found that the backend can do; empty: nobody knows.
    `joins`: the interconnects between this zone and others of the region, the one that joins most zones first. They
    are told for the zones in use (`Directory.bindings`), not for a binding that is looked up by its id.
    """

    id: str
    region_id: str
    availability_zone: str
    backend_id: str
    state: str
    default: bool
    volume_types: tuple[VolumeType, ...] = field(default=(), compare=False)
    qos_rule_types: Mapping[str, Sequence[Any]] | None = field(default=None, compare=False)
    capabilities: frozenset[str] = field(default=frozenset(), compare=False)
    joins: tuple[Join, ...] = ()


@dataclass(frozen=True, slots=True)
class Credential:
    """What opens a session on a backend, as plain driver options; never logged: its repr shows the keys only."""

    values: dict[str, str]

    def __repr__(self) -> str:
        return f"Credential({', '.join(sorted(self.values))})"
