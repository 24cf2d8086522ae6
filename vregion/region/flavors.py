"""Flavors as a virtual region offers them: pure, since the provider's directory has them and the region has no rows
but those of `flavor_access`.

Asked by the flavors API and by servers, which keep the flavor that they were made with (`embedded`), as Nova does:
what becomes of the flavor later does not change them.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from vregion.model.refusals import NotFound


class Flavor(Protocol):
    """What this file reads of a flavor of the directory."""

    @property
    def name(self) -> str: ...
    @property
    def vcpus(self) -> int: ...
    @property
    def ram(self) -> int: ...
    @property
    def disk(self) -> int: ...
    @property
    def ephemeral(self) -> int: ...
    @property
    def swap(self) -> int: ...
    @property
    def is_public(self) -> bool: ...
    @property
    def extra_specs(self) -> Mapping[str, str]: ...


F = TypeVar("F", bound=Flavor)


def offered(
    flavors: Mapping[str, F], on_backends: Iterable[Mapping[str, str]], private: Container[str] = ()
) -> dict[str, F]:
    """Those that a caller may see: public or one of these `private` ones, and on at least one of the tenant's backends
    (each: our id -> its id).
    """
    somewhere = {flavor_id for backend in on_backends for flavor_id in backend}
    return {i: flavor for i, flavor in flavors.items() if (flavor.is_public or i in private) and i in somewhere}


def get(flavors: Mapping[str, F], flavor_id: str) -> F:
    """One of those offered. Raises NotFound in Nova's words."""
    found = flavors.get(flavor_id)
    if found is None:
        raise NotFound(f"Flavor {flavor_id} could not be found.")
    return found


def embedded(flavor: Flavor) -> dict[str, Any]:
    """The flavor inside a server, as Nova shows it from 2.47 on (its `views/servers.py` _get_flavor)."""
    return {
        "vcpus": flavor.vcpus,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "ephemeral": flavor.ephemeral,
        "swap": flavor.swap,
        "original_name": flavor.name,
        "extra_specs": dict(flavor.extra_specs),
    }
