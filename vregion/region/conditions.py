"""What a list is asked for, as SQL: a filter's condition, and the column of a field that is compared or sorted by."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, true

from vregion.model.resource import Kind
from vregion.region.tables import KEYS, resources

_WIDEST = 2**63 - 1
_SPECIAL = frozenset(".^$*+?{}[]\\|()")  # in a regex
_COLUMN_OF = {kind: {key: column for column, key in keys.items()} for kind, keys in KEYS.items()}


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition. `operator`: eq, ne, in, contains, prefix, ge, le, gt, lt, null (value: bool), matches (a regex).

    `among` is `in` for a select as the value. Or of other conditions, which are the value: any (one of them holds),
    not (they do not all hold), none (none of them holds).
    """

    field: str
    value: Any
    operator: str = "eq"


def field_of(name: str, value: Any = None, kind: Kind | None = None) -> ColumnElement[Any]:
    """With `kind`: to compare and to sort by."""
    if not name.startswith("spec."):
        return resources.c[name]
    if column := _COLUMN_OF.get(kind, {}).get(name[5:]) if kind else None:
        return resources.c[column]
    item: Any = resources.c.spec[name[5:]]
    form: ColumnElement[Any] = item.as_string()
    if isinstance(value, bool):
        form = item.as_boolean()
    elif isinstance(value, int):
        form = item.as_integer()
    return form


def condition(f: Filter, kind: Kind) -> ColumnElement[bool]:
    """What a row must be."""
    match f.operator:
        case "among":
            return resources.c[f.field].in_(f.value)
        case "any":
            return or_(false(), *(condition(one, kind) for one in f.value))
        case "not":
            return not_(and_(*(condition(one, kind) for one in f.value)))
        case "none":
            return and_(*(not_(condition(one, kind)) for one in f.value))
    f = replace(f, value=[_held(one) for one in f.value] if f.operator == "in" else _held(f.value))
    sample = f.value[0] if f.operator == "in" and f.value else f.value
    held: ColumnElement[bool] = _compare(field_of(f.field, None if f.operator == "null" else sample, kind), f)
    return held


def _held(value: Any) -> Any:
    """A number that no column holds, as the nearest that one does: no row has that either."""
    return max(-_WIDEST, min(value, _WIDEST)) if isinstance(value, int) and abs(value) > _WIDEST else value


def _compare(column: Any, f: Filter) -> Any:
    match f.operator:
        case "eq":
            return column == f.value
        case "ne":
            return or_(column != f.value, column.is_(None))
        case "in":
            return column.in_(f.value) if f.value else false()
        case "contains":
            return _containing(column, f.value)
        case "matches" if _SPECIAL.isdisjoint(f.value):
            return _containing(column, f.value)
        case "matches":
            return func.coalesce(column, "").regexp_match(f.value)
        case "prefix":
            return column.startswith(f.value, autoescape=True)
        case "null":
            return column.is_(None) if f.value else column.is_not(None)
    compare = {"ge": column >= f.value, "le": column <= f.value, "gt": column > f.value, "lt": column < f.value}
    return compare[f.operator]


def _containing(column: Any, text: str) -> Any:
    """A column without a value contains the empty text only. How many rows have a text PostgreSQL knows of a column,
    not of an expression, for which it would look at all rows.
    """
    return and_(column.is_not(None), column.contains(text, autoescape=True)) if text else true()
