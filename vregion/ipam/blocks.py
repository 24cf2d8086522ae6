"""The free space of a subnet pool as a list of blocks: the fewest prefixes that cover it, in order of address.

Called by `vregion.region.subnet_pools`, which keeps that list with the pool: so that a prefix is found among blocks,
and never by walking through the prefixes that are taken.
"""

from collections.abc import Iterable
from ipaddress import collapse_addresses

from vregion.ipam.prefixes import Prefix, prefix

Blocks = list[Prefix]


def compact(given: Iterable[Prefix]) -> Blocks:
    """The fewest prefixes that cover the same addresses; all are of one version."""
    found: Blocks = list(collapse_addresses(given))  # type: ignore[type-var]
    return found


def parse(texts: Iterable[str]) -> Blocks:
    """As they are kept and shown."""
    return [prefix(text) for text in texts]


def texts(blocks: Iterable[Prefix]) -> list[str]:
    """The way back."""
    return [str(block) for block in blocks]


def any_of(free: Blocks, length: int) -> Prefix | None:
    """The first prefix of that length in the smallest block that has room (neutron 29 `ipam/subnet_alloc.py`)."""
    roomy = [block for block in free if block.prefixlen <= length]
    if not roomy:
        return None
    least = max(roomy, key=lambda block: (block.prefixlen, -int(block.network_address)))
    return prefix(f"{least.network_address}/{length}")


def without(free: Blocks, taken: Prefix) -> Blocks | None:
    """What is left when a prefix is taken; None when not all of it is free."""
    for at, block in enumerate(free):
        if block.version == taken.version and taken.subnet_of(block):  # type: ignore[arg-type]
            rest: Blocks = list(block.address_exclude(taken))  # type: ignore[arg-type]
            return [*free[:at], *sorted(rest, key=lambda one: int(one.network_address)), *free[at + 1 :]]
    return None


def minus(blocks: Blocks, removed: Iterable[Prefix]) -> Blocks:
    """What is left when prefixes go, whether they were there or not."""
    left = blocks
    for gone in removed:
        kept: Blocks = []
        for block in left:
            if not block.overlaps(gone):
                kept.append(block)
            elif gone.subnet_of(block):  # type: ignore[arg-type]
                kept.extend(block.address_exclude(gone))  # type: ignore[arg-type]
        left = kept
    return compact(left)


def covers(blocks: Blocks, others: Iterable[Prefix]) -> bool:
    """Whether all addresses of the others are among the blocks."""
    return all(any(other.subnet_of(block) for block in blocks) for other in compact(others))  # type: ignore[arg-type]


def overlap(blocks: Iterable[Prefix], others: Iterable[Prefix]) -> bool:
    """Whether the two share an address."""
    theirs = list(others)
    return any(block.version == other.version and block.overlaps(other) for block in blocks for other in theirs)
