"""`python -m lab.proofs.network [NAME...]`: the proofs of a lab with switches (`up 2 --net` or `--ovn`).

It prints every finding, deletes all that it made, and fails when a finding does not hold or something was left.
"""

import sys
import time
from collections.abc import Callable

from lab.proofs import probes, refusals, single, spanning
from lab.proofs.tenant import Refused, Tenant
from lab.regions import known

PROOFS: dict[str, Callable[[dict[int, Tenant]], None]] = {
    "inside": single.prove_inside,
    "groups": single.prove_groups,
    "life": single.prove_life,
    "stretched": spanning.prove_stretched,
    "routed": spanning.prove_routed,
    "zones": spanning.prove_zones,
    "remote-groups": spanning.prove_remote_groups,
    "refusals": refusals.prove_refusals,
}


def prove(name: str, tenants: dict[int, Tenant]) -> None:
    begun = time.time()
    try:
        PROOFS[name](tenants)
    except Refused as answer:
        probes.check(f"{name}: no call is refused", False, str(answer))
    finally:
        left = [line for tenant in tenants.values() for line in tenant.clean()]
        probes.check(f"{name}: nothing left", not left, "; ".join(left))
    print(f"     {name} took {time.time() - begun:.0f} s", flush=True)


def main() -> None:
    wanted = sys.argv[1:] or list(PROOFS)
    if set(wanted) - set(PROOFS):
        raise SystemExit(f"the proofs are: {', '.join(PROOFS)}")
    regions = known()[:2]
    if len(regions) < 2 or not all(region.has_switches for region in regions):
        raise SystemExit("this needs two regions with switches: up 2 --net")
    tenants = {region.number: Tenant(region) for region in regions}
    for name in wanted:
        prove(name, tenants)
    print(f"{len(probes.failed)} failed")
    raise SystemExit(bool(probes.failed))


if __name__ == "__main__":
    main()
