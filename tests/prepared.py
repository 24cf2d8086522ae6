"""A virtual region's tables, made once in a process and copied for each test, which takes a tenth of the time.

Used by the fixtures of regions and by the reconcile tests' world. What makes the tables is tested in `test_schemas`.
"""

import tempfile
from pathlib import Path

from vregion.database import Engines
from vregion.region.schema import SCHEMA

_made: list[bytes] = []


async def put(state_dir: Path, region_id: str) -> None:
    """A region's SQLite file where `Regions` looks for it."""
    if not _made:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "prepared")
            await fill(f"sqlite:///{path}")
            _made.append(path.read_bytes())  # noqa: ASYNC240
    file = state_dir / "regions" / f"{region_id}.sqlite"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_made[0])


async def fill(url: str) -> None:
    """Make the tables in an empty database."""
    engines = Engines(url)
    await SCHEMA.prepare(engines)
    await engines.dispose()
