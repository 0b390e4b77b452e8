"""How a record becomes an item of the ledger's table, and an item a record again.

What is written can be read: every field is written, an empty one too, and mappings of any depth
are written as JSON text, since DynamoDB has limits on numbers, names and nesting that JSON has
not. A record lies in its item as one map ``record``, beside its ``checksum``.

Reading is lenient where versions differ and strict where a hand was at work. A field that the
writer did not know yet has its default, and one that only a newer version knows is passed over.
A record that does not fit its checksum was changed outside this product: a blank ``deletion`` is
a legal value and would let a prune rely on a backup whose deletion was accepted. Whoever means
such a change removes the checksum; an item without one is read as it stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from hashlib import sha256
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_LONGEST_NUMBER = 38
"""Digits that a number in DynamoDB can have."""
_SHOWN_ERRORS = 3
_DESERIALIZER, _SERIALIZER = TypeDeserializer(), TypeSerializer()


class Unreadable(Exception):
    """An item is not what this version of the product writes; the text says why, no values."""


def encode(record: DataclassInstance) -> dict[str, Any]:
    """The attributes ``record`` and ``checksum`` that hold a record."""
    stored = _stored_fields(record)
    return {"record": stored, "checksum": _checksum(stored)}


def decode[T: DataclassInstance](kind: type[T], attributes: Mapping[str, Any]) -> T:
    """The record of that kind that an item's attributes hold.

    Raises:
        Unreadable: There is none, or it was changed, or it is not of that kind.
    """
    stored = attributes.get("record")
    if not isinstance(stored, Mapping):
        raise Unreadable("it has no attribute 'record' that is a map")
    checksum = attributes.get("checksum")
    changed = checksum is not None and checksum != _checksum(stored)
    parse = _parser(kind)
    try:
        record: T = _adapter(kind).validate_python(parse(stored) if parse else stored)
    except ValidationError as error:
        raise Unreadable("; ".join(_reasons(error))) from None
    except (TypeError, ValueError):
        raise Unreadable("a field that holds JSON text holds something else") from None
    if not _all_aware(record):
        raise Unreadable("a time has no time zone")
    if changed:
        missing = [field.name for field in fields(kind) if field.name not in stored]
        raise Unreadable(
            "it was changed outside this product: it does not fit its checksum"
            + (f" (missing: {', '.join(missing)})" if missing else "")
        )
    return record


def text_of(time: datetime) -> str:
    """A time as sort keys and conditions compare it: fixed width, UTC."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def serialize(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain attributes as DynamoDB's API takes them."""
    return {name: _SERIALIZER.serialize(value) for name, value in values.items()}


def deserialize(item: Mapping[str, Any]) -> dict[str, Any]:
    """What DynamoDB's API gives as plain attributes; whole numbers are ints."""
    return {name: _number(_DESERIALIZER.deserialize(value)) for name, value in item.items()}


def _stored_fields(record: DataclassInstance) -> dict[str, Any]:
    return {field.name: _stored(getattr(record, field.name)) for field in fields(record)}


def _stored(value: Any) -> Any:
    stored = value
    if isinstance(value, Enum):
        stored = value.value
    elif isinstance(value, str):
        stored = value.encode(errors="replace").decode()  # half a surrogate pair is no UTF-8
    elif isinstance(value, datetime):
        stored = text_of(value)
    elif isinstance(value, Mapping):
        stored = json.dumps(dict(value), default=to_jsonable_python)
    elif isinstance(value, (tuple, list)):
        stored = [_stored(part) for part in value]
    elif is_dataclass(value) and not isinstance(value, type):
        stored = _stored_fields(value)
    elif isinstance(value, int) and len(str(abs(value))) > _LONGEST_NUMBER:
        stored = str(value)
    return stored


def _checksum(stored: Mapping[str, Any]) -> str:
    text = json.dumps(stored, sort_keys=True, default=repr)
    return sha256(text.encode()).hexdigest()[:16]


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@cache
def _parser(hint: Hashable) -> Callable[[Any], Any] | None:
    """What reads the JSON text in a stored value of a type; None where there is none in it.

    It is worked out once per type: that takes longer than reading a value.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Mapping:
        return json.loads
    if origin is tuple and (part := _parser(inner[0])):
        return lambda value: [*map(part, value)] if isinstance(value, list) else value
    if isinstance(hint, UnionType):
        present = _parser(next(each for each in inner if each is not type(None)))
        return present and (lambda value: None if value is None else present(value))
    if isinstance(hint, type) and is_dataclass(hint):
        parsers = {name: _parser(each) for name, each in get_type_hints(hint).items()}
        within = {name: parser for name, parser in parsers.items() if parser}
        return partial(_with_parsed, within) if within else None
    return None


def _with_parsed(parsers: Mapping[str, Callable[[Any], Any]], value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    parsed = {name: parser(value[name]) for name, parser in parsers.items() if name in value}
    return {**value, **parsed}


def _reasons(error: ValidationError) -> list[str]:
    """What is wrong with which fields, without their values."""
    return [
        f"{'.'.join(str(part) for part in each['loc']) or 'record'}: {each['msg']}"
        for each in error.errors(include_input=False, include_url=False)[:_SHOWN_ERRORS]
    ]


def _all_aware(record: Any) -> bool:
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, datetime) and value.tzinfo is None:
            return False
        if is_dataclass(value) and not _all_aware(value):
            return False
    return True


def _number(value: Any) -> Any:
    """DynamoDB's decimals as the int or float that went in."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [_number(part) for part in value]
    if isinstance(value, dict):
        return {name: _number(part) for name, part in value.items()}
    return value
