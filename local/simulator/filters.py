"""Metadata filters: which records a filter expression selects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.simulator import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.simulator.records import Metadata

type Filter = Mapping[str, Any]


def matches(metadata: Metadata | None, expression: Filter) -> bool:
    """Whether a record's metadata satisfy every condition of the expression.

    Raises ``ApiError`` 400 for an operator that there is not.
    """
    return all(_holds(metadata or {}, key, wanted) for key, wanted in expression.items())


def _holds(metadata: Metadata, key: str, wanted: Any) -> bool:
    if key in ("$and", "$or"):
        parts = [matches(metadata, part) for part in wanted]
        return all(parts) if key == "$and" else any(parts)
    if key.startswith("$"):
        raise errors.invalid(f"'{key}' is not a valid operator")
    conditions = wanted if isinstance(wanted, dict) else {"$eq": wanted}
    return all(_compare(metadata.get(key), name, to) for name, to in conditions.items())


def _compare(value: Any, operator: str, wanted: Any) -> bool:
    if operator not in _OPERATORS:
        raise errors.invalid(f"'{operator}' is not a valid operator")
    return _OPERATORS[operator](value, wanted)


def _equal(value: Any, wanted: Any) -> bool:
    """A list of texts equals each text in it; a truth value is no number."""
    if isinstance(value, list):
        return wanted in value
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _equal,
    "$ne": lambda value, wanted: not _equal(value, wanted),
    "$in": lambda value, wanted: any(_equal(value, one) for one in wanted),
    "$nin": lambda value, wanted: not any(_equal(value, one) for one in wanted),
    "$gt": lambda value, wanted: _number(value) and value > wanted,
    "$gte": lambda value, wanted: _number(value) and value >= wanted,
    "$lt": lambda value, wanted: _number(value) and value < wanted,
    "$lte": lambda value, wanted: _number(value) and value <= wanted,
    "$exists": lambda value, wanted: (value is not None) == wanted,
}
