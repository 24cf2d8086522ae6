"""How a backend's network to the outside gets into the virtual regions: told when a zone is bound, checked, taken away.

What there is, the backend's last check has found; which one is used, its option `external_network` says (a name or an
id), else the default or only one is. Calling it again is harmless.
"""

from vregion.directory import backends, bindings
from vregion.model.backend import Backend, Binding
from vregion.provider.provider import Provider

MANY = 1_000_000


async def tell(provider: Provider, backend: Backend, binding: Binding) -> None:
    """Bring one virtual region in line with what the zone's backend has."""
    found = await backends.external_networks(provider.directory, backend.id)
    wanted = backend.options.get("external_network")
    await provider.outside(binding.region_id, backend.id, binding.availability_zone, found, wanted)


async def tell_all(provider: Provider, backend: Backend) -> None:
    """The same for every virtual region that has the backend as a zone."""
    for binding in await bindings.of_backend(provider.directory, backend.id, MANY):
        if binding.state in bindings.IN_USE:
            await tell(provider, backend, binding)


async def forget(provider: Provider, binding: Binding) -> None:
    """The zone goes."""
    await provider.outside(binding.region_id, binding.backend_id, binding.availability_zone, (), None)
