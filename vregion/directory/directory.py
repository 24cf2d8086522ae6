"""The provider's database, opened: what requests ask of it costs no query.

`Directory` is made by `vregion.app` and asked by the API, the reconcilers and `vregion.backends`; every answer comes
from the store's memory when it is there. Backends and flavors are read whole, tenants never. Nothing but the
provider's own operations writes.
"""

from collections.abc import Mapping

from vregion.database import Engines
from vregion.directory import backends, bindings, credentials, flavors, interconnects, tenants
from vregion.directory.flavors import Flavor
from vregion.directory.schema import prepare
from vregion.directory.sealing import Keys
from vregion.directory.store import Store
from vregion.directory.tenants import Tenant
from vregion.model.backend import Backend, Binding, Credential
from vregion.model.interconnect import Interconnect
from vregion.model.microversion import Microversion
from vregion.settings import Settings


class Directory(Store):
    """Tenants, backends, bindings, interconnects, credentials and flavors of one provider."""

    @classmethod
    async def open(cls, settings: Settings) -> "Directory":
        """Bring the schema up to date and read the keys. A lost key file is only replaced while nothing is sealed."""
        if not settings.database_url:
            settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        url = settings.database_url or f"sqlite:///{settings.state_dir / 'directory.sqlite'}"
        engines = Engines(url)
        try:
            await prepare(engines)
            async with engines.read() as connection:
                sealed = await credentials.exist(connection)
            keys = Keys.load(settings.keys_path) if sealed else Keys.load_or_create(settings.keys_path)
        except BaseException:
            await engines.dispose()
            raise
        return cls(engines, keys)

    async def region(self, region_id: str) -> Tenant | None:
        """The tenant who owns this virtual region."""
        return await self.remember("region", region_id, tenants.find)

    async def region_of_domain(self, domain_id: str) -> Tenant | None:
        """The open tenant whose Keystone domain this is; while he is being opened or closed he is served nothing."""
        return await self.remember("domain", domain_id, tenants.find_by_domain)

    async def bindings(self, region_id: str) -> tuple[Binding, ...]:
        """The zones of a virtual region that are in use (enabled or draining), by name."""
        return await self.remember("bindings", region_id, bindings.in_use)

    async def binding(self, binding_id: str) -> Binding | None:
        """One binding, in whatever state."""
        return await self.remember("binding", binding_id, bindings.find)

    async def reach(self, region_id: str, backend_id: str) -> tuple[Binding, Backend, Credential]:
        """How a virtual region reaches a backend; LookupError when no zone in use is bound to it."""
        backend = await self.backend(backend_id)
        for binding in await self.bindings(region_id):
            if binding.backend_id == backend_id and backend is not None:
                return binding, backend, await self.credential(binding.id)
        raise LookupError(f"no zone of region {region_id} is bound to backend {backend_id}")

    async def own(self, backend_id: str) -> tuple[Backend, Credential]:
        """How the provider himself reaches a backend; LookupError when there is none."""
        backend = await self.backend(backend_id)
        if backend is None:
            raise LookupError(f"there is no backend {backend_id}")
        return backend, await self.backend_credential(backend_id)

    async def backends(self) -> Mapping[str, Backend]:
        """Every backend by id."""
        return await self.remember("backends", "", lambda connection, _: backends.by_id(connection))

    async def newest(self, service: str, region_id: str | None = None) -> Microversion | None:
        """The highest microversion that any of the backends has: a region's, or the provider's. None: nobody says.

        What an older one of them lacks is refused for its zone only.
        """
        known = await self.remember("microversions", service, backends.microversions)
        bound = None if region_id is None else {binding.backend_id for binding in await self.bindings(region_id)}
        return max((v for backend_id, v in known.items() if bound is None or backend_id in bound), default=None)

    async def backend(self, backend_id: str) -> Backend | None:
        """One backend."""
        return (await self.backends()).get(backend_id)

    async def interconnects(self) -> Mapping[str, Interconnect]:
        """Every interconnect by name."""
        return await self.remember("interconnects", "", lambda connection, _: interconnects.by_name(connection))

    async def segment(self, interconnect: str, region_id: str, owner: str) -> int | None:
        """The owner's segment, given out now if he has none; None when none is left. LookupError: no interconnect."""
        return await interconnects.allocate(self, interconnect, region_id, owner)

    async def free_segments(self, region_id: str, owner: str) -> None:
        """The owner is gone from every backend: others may have his segments."""
        await interconnects.release(self, region_id, owner)

    async def flavors(self) -> Mapping[str, Flavor]:
        """Every flavor of the provider by id, the smallest first."""
        return await self.remember("flavors", "", lambda connection, _: flavors.by_id(connection))

    async def backend_flavors(self, backend_id: str) -> Mapping[str, str]:
        """The flavors that a backend has: our id -> its id."""
        return await self.remember("backend_flavors", backend_id, flavors.matched)

    async def private_flavors(self, region_id: str) -> frozenset[str]:
        """The private flavors that a virtual region's admin may give to its projects, by id."""
        return await self.remember("private_flavors", region_id, flavors.given)

    async def credential(self, binding_id: str) -> Credential:
        """The tenant's credential in the backend of this binding; LookupError or SealBroken when there is none."""
        return await self._open_seal("binding", binding_id)

    async def backend_credential(self, backend_id: str) -> Credential:
        """The provider's own credential in a backend; LookupError or SealBroken when there is none."""
        return await self._open_seal("backend", backend_id)

    async def _open_seal(self, kind: str, owner_id: str) -> Credential:
        """Only the sealed form is remembered."""
        sealed = await self.remember(kind + "-seal", owner_id, lambda c, owner: credentials.sealed(c, kind, owner))
        return credentials.unseal(self.keys, kind, owner_id, sealed)
