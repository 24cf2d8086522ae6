"""The services' own database migrations, two chains side by side.

`up --cold` calls it for the first region only; lab.database keeps the result as the template of the others. The
cell mappings are written as URL templates, so that the result names no region.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import database
from lab.processes import run
from lab.regions import Region
from lab.settings import BIN, say

URL = "{scheme}://{username}:{password}@{hostname}:{port}/{path}"
Command = list[str | Path]


def chains(region: Region) -> list[list[Command]]:
    nova: Command = [BIN / "nova-manage", "--config-file", region.etc("nova", "nova.conf")]
    cell = ["--database_connection", f"{URL}?{{query}}", "--transport-url", URL]
    neutron: Command = [BIN / "neutron-db-manage"]
    for name in ("neutron.conf", "ml2_conf.ini"):
        neutron += ["--config-file", region.etc("neutron", name)]

    def manage(service: str, *words: str) -> Command:
        return [BIN / f"{service}-manage", "--config-file", region.etc(service, f"{service}.conf"), *words]

    first: list[Command] = [
        [*nova, "api_db", "sync"],
        [*nova, "cell_v2", "map_cell0", "--database_connection", f"{URL}_cell0?{{query}}"],
        [*nova, "cell_v2", "create_cell", "--name", "cell1", *cell],
        [*nova, "db", "sync"],
    ]
    second: list[Command] = [
        [*neutron, "upgrade", "heads"],
        manage("cinder", "db", "sync"),
        manage("keystone", "db_sync"),
        [BIN / "glance-manage", "--config-dir", region.etc("glance"), "db_sync"],
        manage("placement", "db", "sync"),
    ]
    return [first, second]


def migrate(region: Region, env: dict[str, str]) -> None:
    database.create(region)

    def follow(commands: list[Command]) -> None:
        for command in commands:
            begun = time.time()
            run(command, env)
            words = [str(word) for word in command[1:] if str(word).isidentifier()]
            say(f"  {Path(command[0]).name} {' '.join(words)}: {time.time() - begun:.1f}s")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(follow, chains(region)))
    database.keep_template(region)
