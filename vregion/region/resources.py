"""Every plain noun's rows: insert, read, list, change, remove. The kinds with rules of their own build on this.

Callers pass a `Transaction`; nothing here commits. Names of fields in filters and sort keys are columns of the table,
or `spec.NAME` for a top-level key of the wanted state, for which the JSON of each row is parsed unless the kind has a
column for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    delete,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.types import NULLTYPE

from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region.conditions import Filter as Filter
from vregion.region.conditions import condition, field_of
from vregion.region.regions import Transaction
from vregion.region.tables import KEYS, SEARCHED, UtcDateTime, resources, same

_COLUMNS = [c for c in resources.c if c.name not in ("region_id", "place", *SEARCHED)]
_KIND = same(resources.c.region_id, resources.c.kind)
_ONE = and_(_KIND, same(resources.c.id))
_FIND = select(*_COLUMNS).where(_ONE)
_FIND_IN_PROJECT = _FIND.where(same(resources.c.project_id))
_LOCK = select(resources.c.id).where(_ONE).with_for_update()
_AMONG = resources.c.id.in_(bindparam("its_ids", expanding=True))
# By what rows are found that a statement of the same transaction chose: their numbers, which is twice as fast as by
# their ids, and which writes leave as they are. One parameter for all of them: a statement with a thousand takes
# SQLAlchemy longer to write than the database to answer.
_PLACES: dict[bool, Any] = {True: literal_column("resources.rowid", Integer), False: resources.c.place}
_AT: dict[bool, Any] = {
    True: _PLACES[True].in_(select(func.json_each(bindparam("places")).table_valued("value").c.value)),
    False: _PLACES[False] == any_(cast(bindparam("places", type_=Text), ARRAY(BigInteger))),
}
_FIND_MANY = select(*_COLUMNS).where(_KIND, _AMONG)
_CHILDREN = select(*_COLUMNS).where(_KIND, same(resources.c.parent_id)).order_by(resources.c.created_at, resources.c.id)
_INSERT, _CHANGE, _REMOVE = insert(resources), update(resources).where(_ONE), delete(resources).where(_ONE)
_INSERT_NEW = {
    sqlite: make(resources).on_conflict_do_nothing().returning(resources.c.id)
    for sqlite, make in ((True, sqlite_insert), (False, postgresql_insert))
}
_ADVANCE = _CHANGE.values(generation=resources.c.generation + 1)
_NOTHING = dict.fromkeys(SEARCHED)
Sort = tuple[tuple[str, bool], ...]
_LEAST = {
    Integer: literal_column("-1"),
    BigInteger: literal_column("-1"),
    Boolean: false(),
}  # what stands for NULL where rows are sorted, other types: an empty text


@dataclass(frozen=True, slots=True)
class Query:
    """A page of one kind, or of two. `project_id` None: all projects of the region. `sort`: (field, ascending), ties
    by id.
    """

    kind: Kind
    project_id: str | None = None
    filters: Sequence[Filter] = ()
    sort: Sequence[tuple[str, bool]] = (("created_at", False),)
    limit: int | None = None
    marker: str | None = None
    shared: Sequence[Filter] = field(default=())  # any of these lets other projects' rows in
    also: Kind | None = None


async def insert_resource(tx: Transaction, resource: Resource) -> None:
    """Write a new row."""
    await insert_resources(tx, [resource])


async def insert_resources(tx: Transaction, rows: Iterable[Resource]) -> None:
    """Write new rows in one statement."""
    values = [
        {"region_id": tx.region_id, **{c.name: getattr(row, c.name) for c in _COLUMNS}, **_searched(row.kind, row.spec)}
        for row in rows
    ]
    if values:
        await tx.execute(_INSERT, values)


async def insert_new(tx: Transaction, resource: Resource) -> bool:
    """Write a new row, unless there is one of its id, whoever else writes it at the same time."""
    values = {c.name: getattr(resource, c.name) for c in _COLUMNS} | _searched(resource.kind, resource.spec)
    made = await tx.execute(_INSERT_NEW[tx.sqlite], {"region_id": tx.region_id, **values})
    return made.first() is not None


async def find(tx: Transaction, kind: Kind, resource_id: str, project_id: str | None = None) -> Resource | None:
    """The row, or None; with `project_id`, None also when it is another project's."""
    its = _its(tx, kind, id=resource_id)
    if project_id is not None:
        row = (await tx.execute(_FIND_IN_PROJECT, {**its, "its_project_id": project_id})).first()
    else:
        row = (await tx.execute(_FIND, its)).first()
    return _resource(row) if row else None


async def lock(tx: Transaction, kind: Kind, resource_id: str) -> None:
    """What is read of the row from now on stays so until the commit (SQLite has one writer at a time anyway).

    Who locks or writes its realizations, too, locks it first: a request and a pass would else wait for each other.
    """
    if not tx.sqlite:
        await tx.execute(_LOCK, _its(tx, kind, id=resource_id))


async def get(tx: Transaction, kind: Kind, resource_id: str, project_id: str | None = None) -> Resource:
    """The row. Raises NotFound."""
    found = await find(tx, kind, resource_id, project_id)
    if found is None:
        raise NotFound(f"{kind.value.replace('_', ' ').capitalize()} {resource_id} could not be found.")
    return found


async def find_many(tx: Transaction, kind: Kind, ids: Iterable[str]) -> dict[str, Resource]:
    """Rows by id, those that exist, in one query."""
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    rows = await tx.execute(_FIND_MANY, _its(tx, kind, ids=wanted))
    return {row.id: _resource(row) for row in rows}


async def children(tx: Transaction, kind: Kind, parent_id: str) -> list[Resource]:
    """Rows of a kind that belong to a parent, oldest first."""
    rows = await tx.execute(_CHILDREN, _its(tx, kind, parent_id=parent_id))
    return [_resource(row) for row in rows]


async def list_resources(tx: Transaction, query: Query) -> list[Resource]:
    """One page of rows. Raises Invalid for an unknown marker."""
    return [_resource(row) for row in await _page(tx, query, ())]


async def list_documents(tx: Transaction, query: Query) -> list[bytes]:
    """One page of documents, ready to send."""
    return [row[0] for row in await _page(tx, query, ("document",))]


async def list_fields(tx: Transaction, query: Query, *fields: str) -> Sequence[Sequence[Any]]:
    """One page of these fields: for lists that need no whole rows."""
    return await _page(tx, query, fields)


async def list_columns(tx: Transaction, query: Query, *names: str) -> Sequence[Sequence[Any]]:
    """One page of short columns in one statement, which SQLite answers for servers out of an index alone. Each row
    begins with what `columns_of` finds it by.

    The values are as the database has them: of a time SQLite has a text and PostgreSQL seconds, of either to make a
    `datetime` takes longer than the statement.
    SQLite is told no limit and asked for no more rows than that, since its sort for a limit takes up to three times as
    long as that of everything (3.40, 1,000 of 10,000 rows).
    """
    its = {**_its(tx, query.kind, project_id=query.project_id, limit=query.limit), **await _after(tx, query)}
    if query.filters or query.shared or query.also:
        page = _merged if query.also and not tx.sqlite and _is_by_age(query) else _sorted
        statement = _shaped(page(tx, query, _columns(names, tx.sqlite)), tx.sqlite)
    else:
        of_project, behind = query.project_id is not None, bool(query.marker)
        statement = _whole(query.kind, names, tuple(query.sort), of_project, behind, tx.sqlite)
    found = await tx.execute(statement, its)
    if not tx.sqlite or query.limit is None:
        return found.all()
    with found:
        return found.fetchmany(query.limit) if query.limit else []  # of none Python fetches all (3.11 `sqlite3`)


def _columns(names: Iterable[str], sqlite: bool) -> list[Any]:
    return [_PLACES[sqlite], *(type_coerce(resources.c[name], NULLTYPE) for name in names)]


@lru_cache(100)
def _whole(kind: Kind, names: tuple[str, ...], sort: Sort, of_project: bool, behind: bool, sqlite: bool) -> Select[Any]:
    """What `list_columns` asks where nothing but an order is wanted: built once."""
    keys = _keys(kind, sort)
    where = [_KIND, *([same(resources.c.project_id)] if of_project else []), *(_behind(keys) if behind else [])]
    return _shaped(select(*_columns(names, sqlite)).where(*where).order_by(*_order(keys)), sqlite)


def _shaped(page: Select[Any], sqlite: bool) -> Select[Any]:
    """On PostgreSQL with a limit, and with times as numbers, made of the page's alone: beside the sort it would make
    them of all rows.
    """
    if sqlite:
        return page
    found = page.limit(bindparam("its_limit", type_=Integer)).subquery()
    times = {
        name for name, _ in found.c.items() if name in resources.c and isinstance(resources.c[name].type, UtcDateTime)
    }
    return select(*(func.date_part("epoch", c) if name in times else c for name, c in found.c.items()))


def _merged(tx: Transaction, query: Query, columns: Sequence[Any]) -> Select[Any]:
    """A page of each kind, in an index's order, and of these the page: both at once PostgreSQL would sort whole."""
    keys = _keys(query.kind, query.sort)
    sorted_by = (key.label(f"key_{at}") for at, (key, _) in enumerate(keys))
    page = _sorted(tx, query, [*columns, *sorted_by]).limit(bindparam("its_limit", type_=Integer))
    both = union_all(*(page.where(resources.c.kind == kind) for kind in (query.kind, query.also))).subquery()
    told, order = [*both.c][: len(columns)], [*both.c][len(columns) :]
    return select(*told).order_by(*_order((key, up) for key, (_, up) in zip(order, keys, strict=True)))


async def columns_of(tx: Transaction, places: Sequence[int], *names: str) -> Sequence[Sequence[Any]]:
    """These fields of rows that `list_columns` found in this transaction, each behind what it found it by: those that
    exist, in any order; no query for none.
    """
    return await _at(tx, places, names) if places else []


async def _at(tx: Transaction, places: Sequence[int], fields: tuple[str, ...]) -> Sequence[Sequence[Any]]:
    """They are told nothing but the numbers: SQLite would rather go through an index of all rows of the kind. Of a list
    psycopg would ask each item how it is written, which is a millisecond of 1,000.
    """
    numbers = orjson.dumps(places).decode()
    wanted = numbers if tx.sqlite else f"{{{numbers[1:-1]}}}"
    return (await tx.execute(_at_places(fields, tx.sqlite), {"places": wanted})).all()


@cache
def _at_places(fields: tuple[str, ...], sqlite: bool) -> Select[Any]:
    return select(_PLACES[sqlite], *_fields(fields)).where(_AT[sqlite])


async def count(tx: Transaction, query: Query) -> int:
    """How many rows match, paging aside."""
    statement = select(func.count()).select_from(resources).where(*_matching(tx, query))
    return int((await tx.execute(statement)).scalar_one())


async def change(tx: Transaction, resource: Resource, **changes: Any) -> None:
    """Set columns of a row; `updated_at` becomes now unless given."""
    changes.setdefault("updated_at", datetime.now(UTC))
    if "spec" in changes and resource.kind in KEYS:
        changes |= _searched(resource.kind, changes["spec"])
    await tx.execute(_CHANGE, {**changes, **_its(tx, resource.kind, id=resource.id)})


async def advance(tx: Transaction, resource: Resource) -> None:
    """What it stands for changed, its row did not: a new generation, counted by the database: two may do so at once."""
    await tx.execute(_ADVANCE, _its(tx, resource.kind, id=resource.id))


async def remove(tx: Transaction, kind: Kind, resource_id: str) -> bool:
    """Delete a row; absent is fine. Whether there was one."""
    return bool((await tx.execute(_REMOVE, _its(tx, kind, id=resource_id))).rowcount)


async def remove_older(tx: Transaction, kind: Kind, before: datetime) -> None:
    """Delete all rows of a kind that nobody has changed since then."""
    await tx.execute(delete(resources).where(*_own(tx, kind), resources.c.updated_at < before))


def dump(document: Any) -> bytes:
    """A document as it is stored and sent."""
    return orjson.dumps(document)


def _searched(kind: Kind, spec: dict[str, Any]) -> dict[str, Any]:
    """What lists are searched by, as columns."""
    values = {name: spec.get(key) for name, key in KEYS.get(kind, {}).items()}
    texts = {name: dump(value).decode() if isinstance(value, list) else value for name, value in values.items()}
    return {**_NOTHING, **texts}


def _its(tx: Transaction, kind: Kind, **values: Any) -> dict[str, Any]:
    """The parameters of a statement that was built ahead."""
    return {"its_region_id": tx.region_id, "its_kind": kind, **{f"its_{name}": value for name, value in values.items()}}


def _own(tx: Transaction, kind: Kind, also: Kind | None = None) -> list[ColumnElement[bool]]:
    kinds = resources.c.kind.in_([kind, also]) if also else resources.c.kind == kind
    return [resources.c.region_id == tx.region_id, kinds]


def _resource(row: Sequence[Any]) -> Resource:
    """Of the values of `_COLUMNS`."""
    values = {column.name: value for column, value in zip(_COLUMNS, row, strict=True)}
    return Resource(**{**values, "kind": Kind(values["kind"])})


def _fields(names: tuple[str, ...]) -> Sequence[Any]:
    """None stands for whole rows."""
    return [field_of(name) for name in names] or _COLUMNS


def _matching(tx: Transaction, query: Query) -> list[ColumnElement[bool]]:
    where = [*_own(tx, query.kind, query.also), *(condition(f, query.kind) for f in query.filters)]
    if query.project_id is not None:
        mine = resources.c.project_id == query.project_id
        where.append(or_(mine, *(condition(f, query.kind) for f in query.shared)))
    return where


def _is_plain(query: Query) -> bool:
    """Whether nothing is asked but for a page from the start, in the order of creation."""
    more = query.filters or query.shared or query.marker or query.also
    return not more and _is_by_age(query)


def _is_by_age(query: Query) -> bool:
    return [name for name, _ in query.sort] == ["created_at"]


async def _plain_page(tx: Transaction, query: Query, fields: tuple[str, ...]) -> Sequence[Sequence[Any]]:
    """What most lists are, by a statement that was built before: both databases read it in an index's order."""
    ((_, rising),) = query.sort
    statement = _plain(fields, rising, query.project_id is not None, query.limit is not None)
    its = _its(tx, query.kind, project_id=query.project_id, limit=query.limit)
    return (await tx.execute(statement, its)).all()


@cache
def _plain(fields: tuple[str, ...], rising: bool, of_project: bool, limited: bool) -> Select[Any]:
    where = [same(resources.c.region_id, resources.c.kind)] + ([same(resources.c.project_id)] if of_project else [])
    order = [key.asc() if rising else key.desc() for key in (resources.c.created_at, resources.c.id)]
    statement = select(*_fields(fields)).where(*where).order_by(*order)
    return statement.limit(bindparam("its_limit", type_=Integer)) if limited else statement


async def _page(tx: Transaction, query: Query, fields: tuple[str, ...]) -> Sequence[Sequence[Any]]:
    """These fields of a page's rows; none stands for whole rows.

    A page is chosen first, so that what is sorted and thrown away are not whole documents; in a statement of its own,
    so that neither database can find a way to join the two that takes longer than both. Of a list without a limit
    SQLite chooses what a filter leaves first, too: its index has all that is asked for, and its rows are long.
    """
    if _is_plain(query):
        return await _plain_page(tx, query, fields)
    few = tx.sqlite and any(f.field != "deleting" for f in query.filters)
    if query.limit is None and not few:
        return (await tx.execute(_sorted(tx, query, _fields(fields)), await _after(tx, query))).all()
    choice = _sorted(tx, query, [_PLACES[tx.sqlite]]).limit(query.limit)
    chosen = list((await tx.execute(choice, await _after(tx, query))).scalars())
    if not chosen:
        return []
    rows = {row[0]: row[1:] for row in await _at(tx, chosen, fields)}
    return [rows[key] for key in chosen if key in rows]


def _sorted(tx: Transaction, query: Query, columns: Sequence[Any]) -> Select[Any]:
    """A select with keyset paging: rows behind the values that `_after` gives."""
    keys = _keys(query.kind, query.sort)
    where = _matching(tx, query) + (_behind(keys) if query.marker else [])
    return select(*columns).where(*where).order_by(*_order(keys))


async def _after(tx: Transaction, query: Query) -> dict[str, Any]:
    """The marker's own sort values, as parameters; none without a marker. Raises Invalid, for one of another project,
    too, unless some of those are shared.
    """
    if not query.marker:
        return {}
    of_project = query.project_id is not None and not query.shared
    its = _its(tx, query.kind, id=query.marker, project_id=query.project_id) | {"its_kinds": [query.kind, query.also]}
    values = (await tx.execute(_values(query.kind, tuple(query.sort), of_project), its)).first()
    if values is None:
        raise Invalid(f"marker [{query.marker}] not found")
    return {f"after_{at}": value for at, value in enumerate(values)}


@lru_cache(100)
def _values(kind: Kind, sort: Sort, of_project: bool) -> Select[Any]:
    where = [same(resources.c.region_id, resources.c.id), resources.c.kind.in_(bindparam("its_kinds", expanding=True))]
    where += [same(resources.c.project_id)] if of_project else []
    return select(*(key for key, _ in _keys(kind, sort))).where(*where)


def _keys(kind: Kind, sort: Sequence[tuple[str, bool]]) -> list[tuple[Any, bool]]:
    """What is sorted by, and whether it rises."""
    by_id = [] if "id" in dict(sort) else [(resources.c.id, sort[-1][1] if sort else True)]
    return [*((_sortable(name, kind), up) for name, up in sort), *by_id]


def _order(keys: Iterable[tuple[Any, bool]]) -> list[Any]:
    return [column.asc() if up else column.desc() for column, up in keys]


def _behind(keys: Sequence[tuple[Any, bool]]) -> list[ColumnElement[bool]]:
    """Later than the marker's values of the sort keys. That the first key is not before its own is said besides, so
    that an index that is ordered by it is read from there.
    """
    values = [bindparam(f"after_{at}", type_=key.type) for at, (key, _) in enumerate(keys)]
    first, rising = keys[0]
    if all(up == rising for _, up in keys):
        its, them = tuple_(*(column for column, _ in keys)), tuple_(*values)
        return [first >= values[0], its > them] if rising else [first <= values[0], its < them]
    behind = []
    for at, (column, up) in enumerate(keys):
        same = [k == values[i] for i, (k, _) in enumerate(keys[:at])]
        behind.append(and_(*same, column > values[at] if up else column < values[at]))
    return [first >= values[0] if rising else first <= values[0], or_(*behind)]


def _sortable(name: str, kind: Kind) -> ColumnElement[Any]:
    """The field, with a value for NULL, so that a marker can be behind it."""
    column = field_of(name, None, kind)
    if not name.startswith("spec.") and not resources.c[name].nullable:
        return column
    return func.coalesce(column, _LEAST.get(type(column.type), literal_column("''")))
