"""Whatever the ledger may write, it can read."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeAliasType, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup import records
from pinecone_backup.adapters.codec import Unreadable, decode, deserialize, encode, serialize
from pinecone_backup.model import Severity
from pinecone_backup.records import BackupRecord, Claim, ClaimState, Finding, Verdict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEWER = settings(max_examples=25)

RECORDS: list[Any] = [
    kind
    for _, kind in inspect.getmembers(records, is_dataclass)
    if kind is not records.UnreadableItem  # says what was read, and is never written
]
"""Every record of the ledger: one that is added is tested without another word."""

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.just("")
NUMBERS = st.integers() | st.integers(-(10**60), 10**60) | st.sampled_from([0, -(2**63), 2**63])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field with that annotation, the empty and the extreme ones included."""
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: TEXTS,
        int: NUMBERS,
        bool: st.booleans(),
        NoneType: st.none(),
        Any: JSON,
        datetime: st.datetimes(timezones=st.just(UTC)) | st.just(datetime.min.replace(tzinfo=UTC)),
    }
    if hint in simple:
        return simple[hint]
    if isinstance(hint, TypeAliasType):
        hint = hint.__value__
    if get_origin(hint) is UnionType:
        return st.one_of([values(part) for part in get_args(hint)])
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=3).map(tuple)
    if get_origin(hint) is Mapping:
        return st.dictionaries(st.text(), values(get_args(hint)[1]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    return of(hint)


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Any record of a kind, with every field drawn by its annotation."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: values(hints[field.name]) for field in fields(kind)})


def through_dynamodb(record: Any) -> dict[str, Any]:
    """The attributes as they come back from DynamoDB's API."""
    return deserialize(serialize(encode(record)))


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@FEWER
@given(data=st.data())
def test_every_record_reads_back_as_it_was_written(kind: Any, data: st.DataObject) -> None:
    record = data.draw(of(kind))
    assert decode(kind, through_dynamodb(record)) == record


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@FEWER
@given(data=st.data())
def test_every_field_is_written_an_empty_one_too(kind: Any, data: st.DataObject) -> None:
    stored = through_dynamodb(data.draw(of(kind)))["record"]
    assert set(stored) == {field.name for field in fields(kind)}


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@FEWER
@given(data=st.data())
def test_what_another_version_wrote_is_read_as_far_as_it_is_known(
    kind: Any, data: st.DataObject
) -> None:
    """A newer one has fields more, an older one has those fewer that have a default."""
    record = data.draw(of(kind))
    stored = encode(record)["record"]
    optional = [
        field
        for field in fields(kind)
        if field.default is not MISSING or field.default_factory is not MISSING
    ]
    for field in optional:
        del stored[field.name]
    kept = {field.name: getattr(record, field.name) for field in fields(kind)}
    for field in optional:
        del kept[field.name]
    read = decode(kind, deserialize(serialize({"record": stored | {"of a newer version": [1]}})))
    assert read == kind(**kept)


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@FEWER
@given(data=st.data())
def test_a_field_dropped_or_changed_by_hand_is_noticed(kind: Any, data: st.DataObject) -> None:
    attributes = through_dynamodb(data.draw(of(kind)))
    name = data.draw(st.sampled_from(sorted(attributes["record"])))
    other: Any = data.draw(st.sampled_from([..., "", None, {}, [], 7]))
    if other is ...:
        del attributes["record"][name]
    elif attributes["record"][name] == other:
        return
    else:
        attributes["record"][name] = other
    with pytest.raises(Unreadable):
        decode(kind, attributes)


@given(attributes=st.dictionaries(st.sampled_from(["record", "checksum", "x"]), JSON))
def test_what_is_no_record_is_unreadable_and_nothing_worse(attributes: dict[str, Any]) -> None:
    for kind in RECORDS:
        with pytest.raises(Unreadable):
            decode(kind, attributes)


ENUMERATED = [
    (kind, name)
    for kind in RECORDS
    for name, hint in get_type_hints(kind).items()
    if any(isinstance(part, type) and issubclass(part, Enum) for part in (hint, *get_args(hint)))
]


@pytest.mark.parametrize(("kind", "name"), ENUMERATED, ids=str)
@settings(max_examples=5)
@given(data=st.data())
def test_a_member_of_a_newer_version_is_unreadable(
    kind: Any, name: str, data: st.DataObject
) -> None:
    stored = encode(data.draw(of(kind)))["record"] | {name: "of a newer version"}
    with pytest.raises(Unreadable, match=name):
        decode(kind, {"record": stored})


CLAIM = Claim("docs", NOW, ClaimState.CLAIMED, 1, "", "name", "run", NOW, NOW)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("state", "of a newer version", "state"),
        ("slot", "2026-03-01T12:00:00", "time zone"),
        ("attempt", "two", "attempt"),
    ],
)
def test_a_value_that_this_version_does_not_know_is_unreadable(
    name: str, value: object, said: str
) -> None:
    stored = encode(CLAIM)["record"] | {name: value}
    with pytest.raises(Unreadable, match=said) as caught:
        decode(Claim, {"record": stored})
    assert str(value) not in str(caught.value)


def test_what_was_changed_is_read_once_its_checksum_is_removed() -> None:
    """Whoever corrects an item by hand says so by removing it."""
    stored = encode(CLAIM)["record"] | {"attempt": 2}
    assert decode(Claim, {"record": stored}) == replace(CLAIM, attempt=2)


def test_a_missing_field_is_named() -> None:
    attributes = encode(CLAIM)
    del attributes["record"]["error"]
    with pytest.raises(Unreadable, match="missing: error"):
        decode(Claim, attributes)


def test_half_a_surrogate_pair_does_not_keep_a_record_from_being_written() -> None:
    record = BackupRecord("b1", "docs", "i1", "a \ud800 name", None, NOW, verdict=Verdict.GOOD)
    assert decode(BackupRecord, through_dynamodb(record)).name == "a ? name"


def test_data_of_any_depth_is_kept_exactly() -> None:
    """DynamoDB has no number like these, no empty name and no more than 32 levels."""
    deep: Any = 1
    for _ in range(50):
        deep = {"": [deep]}
    data = {"deep": deep, "floats": [1e300, 5e-324, 1.0], "int": 10**50, "half": "\ud800"}
    finding = Finding("f", "c", Severity.INFO, "s", "t", "", "a", NOW, NOW, data=data)
    assert decode(Finding, through_dynamodb(finding)).data == data
