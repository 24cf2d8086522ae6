"""Which backend a new server goes to: pure, called once per request by `vregion.region.server_boots`.

A zone that the tenant names is binding. Without one it follows what it needs (volumes, networks, other servers). Where
that leaves a choice, a zone that is able comes before one that is not, one with room before a full one, then the
tenant's default, then a zone that has the image, the emptiest first. When no zone has room the server is accepted all
the same, as Nova accepts it. It never asks a backend and never reads a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vregion.model.backend import Binding
from vregion.model.refusals import Conflict, Invalid, Refusal

# nova 34.0.0 nova/compute/api.py _validate_availability_zone
UNKNOWN_ZONE = "The requested availability zone is not available"
# nova 34.0.0 nova/exception.py MismatchVolumeAZException; the servers API answers it with 400
MISMATCH = "The availability zone between the server and its attached volumes do not match: {}."


@dataclass(frozen=True, slots=True)
class Zone:
    """A binding with what the choice depends on. `unable` names what it cannot do, `full` says why it has no room."""

    binding: Binding
    has_flavor: bool
    servers: int
    has_image: bool = False
    unable: str = ""
    full: str = ""

    @property
    def name(self) -> str:
        """What the tenant calls it."""
        return self.binding.availability_zone

    @property
    def open(self) -> bool:
        """Whether it takes new resources."""
        return self.binding.state == "enabled"


@dataclass(frozen=True, slots=True)
class Tie:
    """Something the server needs that is on a backend already. `noun`: 'volume', 'network', 'floating IP', 'server'.

    `reached` are other backends that will do as well: those to which a network can be stretched. `why` says why the
    named zone is none of them.
    """

    noun: str
    id: str
    backend_id: str
    reached: frozenset[str] = frozenset()
    why: str = ""

    def allows(self, backend_id: str) -> bool:
        """Whether the server may be there."""
        return backend_id == self.backend_id or backend_id in self.reached


@dataclass(frozen=True, slots=True)
class Decision:
    """The chosen binding, and why, for whoever reads the server's actions."""

    binding: Binding
    reason: str


def choose(named: str | None, flavor: str, zones: Sequence[Zone], ties: Sequence[Tie]) -> Decision:
    """Raises Invalid (400) or Conflict (409) with the reason when no zone will do."""
    if named is not None:
        return _named(named, flavor, zones, ties)
    if ties:
        return _tied(flavor, zones, ties)
    fit = [zone for zone in zones if zone.open and zone.has_flavor]
    if not fit:
        raise Invalid(f"No availability zone takes new servers of flavor {flavor}.")
    best = min(
        fit, key=lambda zone: (*_against(zone), not zone.binding.default, not zone.has_image, zone.servers, zone.name)
    )
    alike = [zone for zone in fit if _against(zone) == _against(best) and zone.has_image == best.has_image]
    if best.binding.default:
        why = "the tenant's default"
    elif len(alike) == 1 < len(fit) and not best.has_image:
        why = "the only one that will do"
    else:
        why = f"the emptiest of {len(alike)}" + (" that have the image" if best.has_image else "")
    return Decision(best.binding, f"zone {best.name}: {why}{_others(best, fit)}")


def good(zone: Zone) -> bool:
    """Whether it is open and nothing speaks against it."""
    return zone.open and zone.has_flavor and not zone.unable and not zone.full


def _against(zone: Zone) -> tuple[bool, bool]:
    return bool(zone.unable), bool(zone.full)


def _others(best: Zone, fit: Sequence[Zone]) -> str:
    """What was said against the zones that stood behind because of it, and against the one that it is all the same."""
    behind = [zone for zone in fit if _against(zone) > _against(best)]
    words = [f"{zone.name} {_words(zone)}" for zone in behind]
    passed = f"; passed by: {', '.join(words)}" if words else ""
    return passed + (f"; none will do, and this one {_words(best)}" if any(_against(best)) else "")


def _words(zone: Zone) -> str:
    return f"has no {zone.unable}" if zone.unable else f"has no room ({zone.full})"


def _named(named: str, flavor: str, zones: Sequence[Zone], ties: Sequence[Tie]) -> Decision:
    zone = next((zone for zone in zones if zone.name == named), None)
    if zone is None:
        raise Invalid(UNKNOWN_ZONE)
    if not zone.open:
        raise Invalid(f"{UNKNOWN_ZONE}: {named} takes nothing new")
    if not zone.has_flavor:
        raise Invalid(f"{UNKNOWN_ZONE}: {named} has no flavor {flavor}")
    for tie in ties:
        if not tie.allows(zone.binding.backend_id):
            raise _elsewhere(tie, named, zones)
    return Decision(zone.binding, f"zone {named}: named in the request")


def _tied(flavor: str, zones: Sequence[Zone], ties: Sequence[Tie]) -> Decision:
    first = min(ties, key=lambda tie: len(tie.reached))
    if first.reached and (decision := _within_reach(zones, ties)):
        return decision
    zone = next((zone for zone in zones if zone.binding.backend_id == first.backend_id), None)
    if zone is None or not zone.open:
        raise Invalid(f"{UNKNOWN_ZONE}: that of {first.noun} {first.id} takes nothing new")
    for tie in ties:
        if not tie.allows(first.backend_id):
            raise _elsewhere(tie, zone.name, zones)
    if not zone.has_flavor:
        raise Invalid(f"{UNKNOWN_ZONE}: {zone.name}, where {first.noun} {first.id} is, has no flavor {flavor}")
    return Decision(zone.binding, f"zone {zone.name}: {first.noun} {first.id} is there")


def _within_reach(zones: Sequence[Zone], ties: Sequence[Tie]) -> Decision | None:
    """Where all that the server needs is or can be stretched to: the default zone, else where the first of it is."""
    fit = [z for z in zones if z.open and z.has_flavor and all(tie.allows(z.binding.backend_id) for tie in ties)]
    if not fit:
        return None
    home = ties[0].backend_id
    best = min(fit, key=lambda z: (*_against(z), not z.binding.default, z.binding.backend_id != home, z.name))
    why = f"{ties[0].noun} {ties[0].id} is there or reaches there"
    return Decision(best.binding, f"zone {best.name}: {why}{_others(best, fit)}")


def _elsewhere(tie: Tie, wanted: str, zones: Sequence[Zone]) -> Refusal:
    where = next((zone.name for zone in zones if zone.binding.backend_id == tie.backend_id), "another zone")
    words = f"{tie.noun} {tie.id} is in {where}, not in {wanted}" + (f" ({tie.why})" if tie.why else "")
    if tie.noun == "volume":
        return Invalid(MISMATCH.format(words))
    return Conflict(f"The server and its {tie.noun} would be in different availability zones: {words}.")
