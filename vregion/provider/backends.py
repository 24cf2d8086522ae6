"""Adding, checking and removing backends.

A backend is written down only when its driver could sign in and look around; nothing is made in it but flavors.
"""

from dataclasses import asdict, dataclass
from typing import Any

from vregion.directory import backends, bindings
from vregion.directory.backends import Checked
from vregion.drivers.contract import Report
from vregion.model.backend import Backend, Credential
from vregion.model.refusals import Conflict, Refusal
from vregion.provider import external_networks, flavors
from vregion.provider.provider import SHOWN, Provider, listed


@dataclass(frozen=True, slots=True)
class Found:
    """A backend as the provider sees it: his flavors it lacks, with the reasons, beside the last check."""

    checked: Checked
    lacks: dict[str, str]


async def add(provider: Provider, backend: Backend, credential: Credential) -> Found:
    """Check a backend with the provider's credential there, keep both, and match the flavors."""
    async with provider.open(backend, credential) as driver:
        report = await driver.check()
    if not await backends.add(provider.directory, backend, credential, as_json(report)):
        raise Conflict(f"There is a backend {backend.name} already.")
    await flavors.match(provider, backend)
    return await show(provider, backend.name)


async def check(provider: Provider, name: str) -> Found:
    """Look again. A backend that does not answer is noted as unreachable and keeps its last report."""
    backend = await provider.backend(name)
    last = (await show(provider, name)).checked.report
    try:
        credential = await provider.directory.backend_credential(backend.id)
        async with provider.open(backend, credential) as driver:
            report = await driver.check()
    except Refusal as refusal:
        await backends.record(provider.directory, backend.id, "unreachable", last | {"reason": refusal.message})
    else:
        await backends.record(provider.directory, backend.id, "ready", as_json(report))
        await flavors.match(provider, backend)
        await external_networks.tell_all(provider, backend)
    return await show(provider, name)


async def all_found(provider: Provider) -> list[Found]:
    """Every backend with its last check, by name."""
    lacking = await flavors.lacks(provider)
    return [Found(c, lacking.get(c.backend.id, {})) for c in await backends.checked(provider.directory)]


async def show(provider: Provider, name: str) -> Found:
    """One backend with its last check."""
    backend = await provider.backend(name)
    return next(found for found in await all_found(provider) if found.checked.backend.id == backend.id)


async def remove(provider: Provider, name: str) -> None:
    """Forget a backend; refused with the list of the zones that are bound to it, or the interconnects that join it."""
    backend = await provider.backend(name)
    bound = await bindings.of_backend(provider.directory, backend.id, SHOWN + 1)
    if bound:
        owners = [await provider.directory.region(binding.region_id) for binding in bound]
        zones = [f"{t.name if t else b.region_id}/{b.availability_zone}" for b, t in zip(bound, owners, strict=True)]
        raise Conflict(f"Backend {name} serves zones: {listed(zones)}.")
    known = (await provider.directory.interconnects()).values()
    if joined := [interconnect.name for interconnect in known if backend.id in interconnect.members]:
        raise Conflict(f"Backend {name} is joined by interconnects: {listed(joined)}.")
    try:
        await backends.remove(provider.directory, backend.id)
    except ValueError as used_meanwhile:
        raise Conflict(f"Backend {name} is in use: {used_meanwhile}.") from used_meanwhile


def as_json(report: Report) -> dict[str, Any]:
    """A report as it is stored and shown."""
    return asdict(report) | {"capabilities": sorted(report.capabilities)}
