"""Several things at once, none of which goes on behind the caller's back. Any room may use it."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any


async def settled(work: Iterable[Awaitable[Any]]) -> list[Any]:
    """Do all of it at once and to its end, then raise the first failure."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes
