"""Migrations make exactly the tables, for the directory and for regions; a database made new is never migrated."""

import uuid
import warnings
from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, insert, inspect, select

from tests.postgresql import RunningPostgresql
from tests.unit.region.rows import resource
from vregion.database import Engines, Schema
from vregion.directory.schema import SCHEMA as DIRECTORY
from vregion.model.resource import Kind, Resource
from vregion.region import resources as region_resources
from vregion.region.regions import Transaction
from vregion.region.schema import SCHEMA as REGION
from vregion.region.tables import KEYS, SEARCHED, addresses, realizations, resources

both = pytest.mark.parametrize("schema", [DIRECTORY, REGION], ids=["directory", "region"])


@pytest.fixture
def postgresql_url(postgresql: RunningPostgresql) -> str:
    """An empty database; it ends with the server."""
    name = f"empty_{uuid.uuid4().hex}"
    postgresql.execute(f"CREATE DATABASE {name}")
    return postgresql.url(name)


@pytest.fixture
def url(tmp_path: Path, database_url: str) -> str:
    return database_url or f"sqlite:///{tmp_path / 'a.sqlite'}"


@pytest_asyncio.fixture
async def engines(url: str) -> AsyncIterator[Engines]:
    opened = Engines(url)
    yield opened
    await opened.dispose()


def seen(url: str, look: Callable[[Connection, Schema], Any], schema: Schema) -> Any:
    """By SQLAlchemy's own connection: what it asks PostgreSQL's catalog for it reads as text."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = look(connection, schema)
    engine.dispose()
    return found


def differences(connection: Connection, schema: Schema) -> Any:
    def here(thing: Any, *_: object) -> bool:
        return bool(thing.info.get("only", connection.dialect.name) == connection.dialect.name)

    options: dict[str, Any] = {"compare_type": True, "compare_server_default": True, "include_object": here}
    options["version_table"] = schema.version_table
    with warnings.catch_warnings():  # it is said before anybody asks whether the index is one of this database's
        warnings.filterwarnings(
            "ignore", "autogenerate skipping .* 'resources_hostname'; dialect 'sqlite'", UserWarning
        )
        return compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)


def revision(connection: Connection, schema: Schema) -> str | None:
    options = {"version_table": schema.version_table}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def shape(connection: Connection, schema: Schema) -> Any:
    """What the database itself says of its tables, with the names of every constraint."""
    look = inspect(connection)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(table)],
            look.get_pk_constraint(table),
            sorted(look.get_foreign_keys(table), key=str),
            sorted(look.get_unique_constraints(table), key=str),
            sorted(look.get_indexes(table), key=str),
        )
        for table in schema.metadata.tables
    }


@both
async def test_the_migrations_make_the_tables(engines: Engines, url: str, schema: Schema) -> None:
    async with engines.write() as connection:
        await connection.run_sync(lambda c: command.upgrade(schema.alembic(c), "head"))
        assert await connection.run_sync(lambda c: revision(c, schema)) == schema.head
    await schema.prepare(engines)
    assert seen(url, differences, schema) == []
    migrated = seen(url, shape, schema)
    async with engines.write() as connection:
        await connection.run_sync(schema.metadata.drop_all)
        await connection.run_sync(schema.metadata.create_all)
    assert seen(url, shape, schema) == migrated


@both
async def test_a_new_database_is_stamped_with_the_newest_migration(engines: Engines, url: str, schema: Schema) -> None:
    for _ in range(2):
        await schema.prepare(engines)
    async with engines.read() as connection:
        assert await connection.run_sync(lambda c: revision(c, schema)) == schema.head
    assert seen(url, differences, schema) == []


def written(row: Resource) -> dict[str, Any]:
    """A row as releases before r0004 wrote it."""
    return {"region_id": "r"} | {field.name: getattr(row, field.name) for field in fields(row)}


async def test_held_volumes_are_looked_at_when_attachments_get_rows(engines: Engines) -> None:
    """r0003; of those that somebody holds, whatever else there is."""
    async with engines.write() as connection:
        await connection.run_sync(lambda c: command.upgrade(REGION.alembic(c), "r0002"))
        for name, status in (("held", "in-use"), ("free", "available")):
            await connection.execute(insert(resources).values(written(resource(Kind.VOLUME, id=name, status=status))))
            there = {"backend_id": "b1", "state": "ready", "wanted": True, "generation": 1, "attempts": 0, "fence": 0}
            keys = {"region_id": "r", "resource_id": name, "kind": Kind.VOLUME, "observed": {}}
            await connection.execute(insert(realizations).values(keys | there))
    await REGION.prepare(engines)
    async with engines.read() as connection:
        found = await connection.execute(select(realizations.c.resource_id, realizations.c.due_at))
        due = {row.resource_id: row.due_at for row in found}
    assert due["free"] is None
    assert abs((datetime.now(UTC) - due["held"]).total_seconds()) < 60


async def test_servers_of_an_older_release_are_found_by_what_became_columns(engines: Engines) -> None:
    """r0004 and r0011; what they copy is what a write of today copies."""
    spec = {
        "imageRef": "i", "flavorRef": "f", "vm_state": "active", "task_state": None, "power_state": 1, "progress": 100,
        "locked": True, "config_drive": False, "OS-DCF:diskConfig": "AUTO", "key_name": "k",
        "description": "ü", "launch_index": 11, "reservation_id": "r-1", "launched_at": "2026-01-01T00:00:00.000000",
        "accessIPv4": "192.0.2.1", "accessIPv6": "", "tags": ["red", "blü"],
    }  # fmt: skip
    shown = orjson.dumps({"OS-EXT-SRV-ATTR:hostname": "h"})
    server, deleted = (resource(kind, spec=spec, document=shown) for kind in (Kind.SERVER, Kind.DELETED_SERVER))
    volume = resource(Kind.VOLUME, spec={"description": "d", "locked": "by nobody"})
    ports = [resource(Kind.PORT, parent_id=server.id), resource(Kind.PORT, parent_id=server.id, deleting=True)]
    async with engines.write() as connection:
        await connection.run_sync(lambda c: command.upgrade(REGION.alembic(c), "r0003"))
        for row in (server, deleted, volume, *ports):
            await connection.execute(insert(resources).values(written(row)))
        for n, (port, address) in enumerate(zip([*ports, ports[0]], ("10.0.0.4", "10.0.0.5", "fd00::4"), strict=True)):
            taken = {"region_id": "r", "network_id": "n", "subnet_id": "s", "position": n}
            await connection.execute(insert(addresses).values(taken | {"address": address, "port_id": port.id}))
    await REGION.prepare(engines)
    async with engines.read() as connection:
        columns = [resources.c[name] for name in SEARCHED]
        found = {row.id: row for row in await connection.execute(select(resources.c.id, *columns))}
    known = dict.fromkeys(SEARCHED) | {name: spec.get(key) for name, key in KEYS[Kind.SERVER].items()}
    known["hostname"] = "h"
    fixed = {"fixed_ips_v4": "10.0.0.4", "fixed_ips_v6": "fd00::4"}
    assert values(found[server.id]) == known | fixed
    assert values(found[deleted.id]) == known
    assert values(found[volume.id]) == values(found[ports[0].id]) == dict.fromkeys(SEARCHED)


async def test_others_of_an_older_release_are_found_by_what_became_columns(engines: Engines) -> None:
    """r0006 and r0007, for each kind what a write of today copies; sizes of more than 32 bits, too."""
    specs: dict[Kind, dict[str, Any]] = {
        Kind.PORT: {
            "network_id": "n", "network_project_id": "p", "device_id": "d", "device_owner": "compute:az1",
            "mac_address": "fa:16:3e:00:00:01", "tags": ["red", "blü"], "security_groups": ["g", "h"],
        },
        Kind.VOLUME: {
            "size": 7, "bootable": "true", "tags": "no list of texts", "vregion:metadata": "\x1ea\x1fü\x1e",
        },
        Kind.SNAPSHOT: {"size": 8, "vregion:metadata": ""},
        Kind.IMAGE: {
            "size": 3 << 32, "visibility": "shared", "os_hidden": False, "vregion:tags": "|red|", "owner": "p",
            "disk_format": None, "vregion:shared_accepted": "|p|",
        },
        Kind.NETWORK: {
            "network_id": "of no port", "size": 1, "shared": False, "shared_with": ["p", "q"], "router:external": True,
        },
        Kind.SUBNET_POOL: {"shared": True, "shared_with": []},
        Kind.SERVER: {"user_data": "IyE=", "vregion:hostname": "h"},
    }  # fmt: skip
    shown = orjson.dumps({"OS-EXT-SRV-ATTR:hostname": "h"})
    older = {kind: resource(kind, spec=spec, document=shown) for kind, spec in specs.items()}
    empty = resource(Kind.IMAGE, spec=specs[Kind.IMAGE] | {"size": None})
    async with engines.write() as connection:
        await connection.run_sync(lambda c: command.upgrade(REGION.alembic(c), "r0005"))
        for row in (*older.values(), empty):
            await connection.execute(insert(resources).values(written(row)))
    await REGION.prepare(engines)
    today = {kind: resource(kind, spec=spec) for kind, spec in specs.items()}
    async with engines.write() as connection:
        await region_resources.insert_resources(Transaction("r", connection), today.values())
        columns = [resources.c[name] for name in SEARCHED]
        found = {row.id: row for row in await connection.execute(select(resources.c.id, *columns))}
    for kind, spec in specs.items():
        wanted = dict.fromkeys(SEARCHED) | {name: spec.get(key) for name, key in KEYS.get(kind, {}).items()}
        assert values(found[older[kind].id]) == values(found[today[kind].id]) == wanted
    assert found[empty.id].size is None


def values(row: Any) -> dict[str, Any]:
    """The columns; what is a list read."""
    found = {name: getattr(row, name) for name in SEARCHED}
    return {n: orjson.loads(v) if isinstance(v, str) and v.startswith("[") else v for n, v in found.items()}
