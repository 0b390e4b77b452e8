"""What two looks prove, and what a restored index differs in (rules F1 to F5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup.differences import Difference, DifferenceKind
from pinecone_backup.model import Depth, Vector
from pinecone_backup.records import Look, NamespaceLook, Neighbours, SampledRecord
from pinecone_backup.rules.fingerprint import (
    APART,
    LEAST_OVERLAP,
    MOST_ID_BYTES,
    MOST_NAMESPACES,
    SAMPLE,
    Comparison,
    allotted,
    compare,
    confirmed,
    digest,
    direction,
    evidence,
    holds_for,
    neighbours,
    pick,
    within_bytes,
)
from tests.support.backups import NOW, backup, index

SECRET = b"0123456789abcdef"
MINUTE = timedelta(minutes=1)


def vector(record_id: str = "r1", **changes: Any) -> Vector:
    made = Vector(record_id, (0.5, 0.25), ((7, 0.5),), {"colour": "red", "pages": 3})
    return replace(made, **changes)


def tenant(*vectors: Vector, count: int | None = 9, sequence: int | None = 4) -> NamespaceLook:
    records = tuple(digest(each, SECRET) for each in vectors or (vector(),))
    return NamespaceLook("tenant", count, sequence, records)


def look(*namespaces: NamespaceLook, **changes: Any) -> Look:
    seen = namespaces or (tenant(),)
    made = Look(
        secret=SECRET.hex(),
        depth=Depth.QUERIES,
        began_at=NOW,
        ended_at=NOW + MINUTE,
        dimension=2,
        metric="cosine",
        total=sum(each.count or 0 for each in seen),
        namespaces=seen,
        complete=True,
    )
    return replace(made, **changes)


def kinds(comparison: Comparison) -> list[str]:
    return [str(each.kind) for each in comparison.differences]


def compared(sure: Look | None, found: Look | None, **backup_changes: Any) -> Comparison:
    given = {"record_count": None, "dimension": 2, "metric": "cosine"} | backup_changes
    return compare(sure, backup(**given), index(dimension=2, metric="cosine"), found)


# Sampling


@settings(max_examples=50)
@given(st.dictionaries(st.text("abc", max_size=4), st.integers(0, 5_000_000), max_size=130))
def test_a_sample_is_bounded_and_takes_no_more_than_there_is(counts: dict[str, int]) -> None:
    """F2"""
    chosen = allotted(counts, SECRET)
    assert len(chosen) <= MOST_NAMESPACES
    assert all(1 <= number <= counts[name] for name, number in chosen.items())
    assert sum(chosen.values()) <= SAMPLE + MOST_NAMESPACES


def test_a_sample_goes_by_what_namespaces_hold_and_leaves_none_of_a_hundred_out() -> None:
    """F2"""
    counts = {"large": 900_000, "half": 450_000, "tiny": 1, "empty": 0}
    assert allotted(counts, SECRET) == {"large": 199, "half": 99, "tiny": 1}
    assert allotted({"a": 100, "b": 200}, SECRET) == {"a": 100, "b": 200}


def test_each_of_a_hundred_namespaces_is_sampled_and_the_small_ones_by_one_record() -> None:
    """F2"""
    counts = {f"n{number:02}": 9 for number in range(MOST_NAMESPACES - 1)} | {"large": 900_000}
    chosen = allotted(counts, SECRET)
    assert chosen == dict.fromkeys(counts, 1) | {"large": 299}


def test_among_too_many_namespaces_chance_decides_by_what_they_hold() -> None:
    """F2: the same secret chooses the same ones."""
    counts = {f"n{number}": 10 for number in range(10_000)} | {"large": 100_000}
    chosen = allotted(counts, SECRET)
    assert chosen == allotted(counts, SECRET) != allotted(counts, b"another")
    assert chosen["large"] == pytest.approx(150, abs=3)


@settings(max_examples=50)
@given(st.lists(st.text("abc", max_size=3), max_size=30), st.integers(0, 40))
def test_a_pick_takes_ids_once_and_the_first_and_the_last_before_others(
    ids: list[str], number: int
) -> None:
    """F2: a restore that was cut short lacks what is at the ends."""
    picked = pick(ids, number, SECRET, "tenant")
    assert len(picked) == len(set(picked)) == min(number, len(set(ids)))
    assert set(picked) <= set(ids)
    known = list(dict.fromkeys(ids))
    assert number < 2 or {*known[:1], *known[-1:]} <= set(picked)


def test_another_secret_picks_other_ids() -> None:
    """F2"""
    ids = [f"r{number}" for number in range(1000)]
    assert pick(ids, 300, SECRET, "tenant") != pick(ids, 300, b"another", "tenant")


def test_long_ids_are_sampled_less_so_that_an_item_holds_them() -> None:
    """F2"""
    short = {"a": ["r1", "r2"]}
    assert within_bytes(short, SECRET) == short
    long = {name: [f"{name}{number:0>511}" for number in range(150)] for name in "ab"}
    kept = within_bytes(long, SECRET)
    assert sum(len(each) for ids in kept.values() for each in ids) <= MOST_ID_BYTES
    assert all(set(kept[name]) < set(long[name]) and kept[name] for name in long)


def test_a_direction_is_of_the_dimension_and_by_the_secret() -> None:
    """F2"""
    found = direction(SECRET, "tenant", 0, 1536)
    assert len(found) == 1536
    assert max(found) <= 1
    assert min(found) >= -1
    assert found == direction(SECRET, "tenant", 0, 1536) != direction(SECRET, "tenant", 1, 1536)


# Hashes


@pytest.mark.parametrize(
    "same",
    [
        {"values": (0.5, 0.25 + 1e-12)},
        {"sparse": ((7, 0.5 - 1e-12),)},
        {"metadata": {"pages": 3.0, "colour": "red"}},
    ],
)
def test_how_a_record_is_written_changes_no_hash(same: dict[str, Any]) -> None:
    """F3: dense and sparse values are kept as 32-bit numbers, metadata without an order."""
    assert digest(vector(**same), SECRET) == digest(vector(), SECRET)


def test_no_metadata_is_empty_metadata_and_minus_zero_is_zero() -> None:
    """F3"""
    assert digest(vector(metadata={}), SECRET).metadata == ""
    assert digest(vector(values=(-0.0, 1.0)), SECRET) == digest(vector(values=(0.0, 1.0)), SECRET)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"values": (0.5, 0.2500001)}, "values"),
        ({"values": (0.25, 0.5)}, "values"),
        ({"sparse": ((8, 0.5),)}, "sparse"),
        ({"sparse": ((7, 0.25),)}, "sparse"),
        ({"metadata": {"colour": "red", "pages": 4}}, "metadata"),
        ({"metadata": {"colour": "red", "pages": True}}, "metadata"),
        ({"metadata": {"colour": ["red"], "pages": 3}}, "metadata"),
    ],
)
def test_what_a_record_holds_changes_the_hash_of_that_alone(
    changed: dict[str, Any], field: str
) -> None:
    """F3"""
    before, after = digest(vector(), SECRET), digest(vector(**changed), SECRET)
    assert getattr(before, field) != getattr(after, field)
    assert replace(after, **{field: getattr(before, field)}) == before


def test_a_hash_says_nothing_without_its_secret() -> None:
    """F3"""
    first, second = digest(vector(), SECRET), digest(vector(), b"another")
    assert {first.values, first.sparse, first.metadata}.isdisjoint(
        {second.values, second.sparse, second.metadata}
    )


# Evidence


@pytest.mark.parametrize(
    ("before", "after", "holds"),
    [(15, 15, True), (40, 90, True), (14.9, 15, False), (15, 14.9, False)],
)
def test_two_looks_prove_a_backup_a_quarter_of_an_hour_from_each(
    before: float, after: float, holds: bool
) -> None:
    """F1"""
    created_at = NOW + MINUTE + before * MINUTE
    assert holds_for(created_at, look(), created_at + after * MINUTE) is holds


def test_a_record_that_is_equal_in_both_looks_is_evidence_and_no_other() -> None:
    """F3"""
    first = tenant(vector("same"), vector("changed"), vector("deleted"))
    second = tenant(vector("same"), vector("changed", values=(1.0, 1.0)), vector("new"))
    (sure,) = evidence(look(first), look(second)).namespaces
    assert [record.record_id for record in sure.records] == ["same"]


@pytest.mark.parametrize(
    ("second", "count"),
    [
        (tenant(), 9),
        (tenant(count=10), None),
        (tenant(sequence=5), None),
        (tenant(sequence=None), None),
    ],
)
def test_a_count_is_evidence_only_where_nothing_was_written(
    second: NamespaceLook, count: int | None
) -> None:
    """F3: one record may have come and another gone in between."""
    (sure,) = evidence(look(tenant()), look(second)).namespaces
    assert sure.count == count


def test_no_count_is_evidence_where_pinecone_numbers_no_writes() -> None:
    """F3"""
    (sure,) = evidence(look(tenant(sequence=None)), look(tenant(sequence=None))).namespaces
    assert sure.count is None


def test_neighbours_are_evidence_where_both_looks_have_them_and_nothing_was_written() -> None:
    """F3"""
    first = replace(tenant(), probes=(Neighbours("r1", ("a", "b")), Neighbours("r2", ("a",))))
    second = replace(tenant(), probes=(Neighbours("r1", ("c", "a")),))
    (sure,) = evidence(look(first), look(second)).namespaces
    assert sure.probes == (Neighbours("r1", ("a",)),)
    (sure,) = evidence(look(first), look(replace(second, sequence=5))).namespaces
    assert sure.probes == ()


def test_evidence_lasts_from_the_first_look_to_the_second_and_has_no_total() -> None:
    """F3"""
    later = look(began_at=NOW + 40 * MINUTE, ended_at=NOW + 41 * MINUTE, metric="dotproduct")
    sure = evidence(look(), later)
    assert (sure.began_at, sure.ended_at, sure.total) == (NOW, NOW + 41 * MINUTE, None)
    assert (sure.dimension, sure.metric) == (2, None)


@pytest.mark.parametrize(
    ("first", "second", "complete"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_evidence_is_complete_where_both_looks_are(
    first: bool, second: bool, complete: bool
) -> None:
    """F3: and what both say of the schema is sure."""
    sure = evidence(look(complete=first), look(complete=second, dimension=None))
    assert (sure.complete, sure.dimension, sure.metric) == (complete, None, "cosine")


@pytest.mark.parametrize(("second", "number"), [(tenant(), 4), (tenant(count=10), None)])
def test_evidence_names_its_namespace_and_the_write_that_it_shows(
    second: NamespaceLook, number: int | None
) -> None:
    """F3"""
    (sure,) = evidence(look(tenant()), look(second)).namespaces
    assert (sure.namespace, sure.sequence) == ("tenant", number)


def test_a_namespace_that_only_one_look_reached_is_no_evidence() -> None:
    """F1: a look that ran out of time shows less."""
    assert evidence(look(), look(replace(tenant(), namespace="other"))).namespaces == ()


def test_looks_with_different_secrets_cannot_be_compared() -> None:
    """F2"""
    with pytest.raises(ValueError, match=r"^two looks with different secrets cannot be compared$"):
        evidence(look(), look(secret="00"))


# What is stored is compared by later versions too


def test_a_hash_stays_what_it_was() -> None:
    """F2: backups are compared a year later with what was noted when they were made."""
    secret = bytes(range(16))
    whole = Vector("a", (1.0, 0.5, 0.0, 0.0), ((7, 0.25), (3, 1.0)), {"n": 1, "tags": ["x", 2]})
    assert digest(whole, secret) == SampledRecord(
        "a", "5fba0c0e2c3d7c52", 2, "d21b85bf93d7567d", "c0bed131e6313b0c"
    )
    assert digest(replace(whole, values=(), metadata={}), secret) == SampledRecord(
        "a", "", 0, "d21b85bf93d7567d", ""
    )
    zeros = digest(Vector("a", (0.0, 0.0)), secret)
    assert (zeros.values, zeros.length, zeros.sparse) == ("e06a718762cf461a", 0, "")


def test_neighbours_are_kept_as_hashes_of_their_ids() -> None:
    """F2: in the order in which they were found."""
    assert neighbours("a", ["b", "c"], bytes(range(16))) == Neighbours(
        "a", ("95c01d9bbb491a97", "51d4943d18cabc3d")
    )


def test_a_choice_stays_what_it_was() -> None:
    """F2: a second look, by a later version perhaps, finds what the first one saw."""
    secret, ids = bytes(range(16)), [f"r{number}" for number in range(9)]
    assert pick(ids, 4, secret, "ns") == ["r0", "r1", "r4", "r8"]
    assert pick(ids, 4, secret, "other") == ["r0", "r4", "r6", "r8"]
    found = direction(secret, "ns", 2, 4)
    assert [round(value, 4) for value in found] == [0.8196, 0.6157, -0.0824, -0.9059]
    chosen = allotted({f"ns{number:03}": number for number in range(1, 301)}, secret)
    assert list(chosen.items())[:4] == [("ns037", 3), ("ns064", 3), ("ns065", 3), ("ns074", 3)]
    assert {type(number) for number in chosen.values()} == {int}
    alike = {f"ns{number:03}": 1 for number in range(MOST_NAMESPACES + 1)}
    assert set(alike) - set(allotted(alike, secret)) == {"ns057"}


# Comparing


def test_what_there_is_no_evidence_of_cannot_differ() -> None:
    """F4: other records, more of them, other namespaces."""
    sure = look(replace(tenant(), count=None, sequence=None, probes=()), total=None)
    more = replace(tenant(vector(), vector("r2")), count=700)
    found = compared(sure, look(more, replace(tenant(), namespace="new")))
    assert found == Comparison((), Depth.SAMPLE, namespaces=0, records=1, probes=0)


@pytest.mark.parametrize(
    ("found", "difference"),
    [
        (
            tenant(count=8),
            Difference.of(DifferenceKind.RECORDS_LOST, namespace="tenant", expected=9, found=8),
        ),
        (
            tenant(vector(metadata={})),
            Difference.of(DifferenceKind.METADATA_LOST, namespace="tenant", found=1, sampled=1),
        ),
    ],
)
def test_a_difference_says_how_much_of_what_differs(
    found: NamespaceLook, difference: Difference
) -> None:
    """F4"""
    assert compared(look(tenant()), look(found)).differences == (difference,)


@pytest.mark.parametrize(
    ("total", "kind"),
    [(99, DifferenceKind.TOTAL_LOWER), (101, DifferenceKind.TOTAL_HIGHER)],
)
def test_a_total_that_differs_says_both(total: int, kind: DifferenceKind) -> None:
    """F4"""
    found = compared(None, look(total=total, namespaces=()), record_count=100)
    assert found.differences == (Difference.of(kind, expected=100, found=total),)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (tenant(count=8), "records_lost"),
        (tenant(count=10), "records_added"),
        (replace(tenant(), count=0, records=()), "namespace_missing"),
        (replace(tenant(), records=()), "miscounted"),
        (tenant(vector(metadata={})), "metadata_lost"),
        (tenant(vector(metadata={"colour": "blue", "pages": 3})), "metadata_changed"),
        (tenant(vector(values=(0.25, 0.5))), "values_changed"),
        (tenant(vector(values=(0.5, 0.0))), "values_truncated"),
        (tenant(vector(sparse=())), "sparse_lost"),
        (tenant(vector(sparse=((7, 1.0),))), "values_changed"),
        (replace(tenant(count=8), records=()), "records_lost"),
    ],
)
def test_each_difference_in_a_namespace_has_a_name_of_its_own(
    found: NamespaceLook, kind: str
) -> None:
    """F4"""
    beside = replace(tenant(), namespace="beside")
    comparison = compared(look(tenant(), beside), look(found, beside))
    assert kinds(comparison) == [kind]
    assert comparison.differences[0].namespace == "tenant"


def test_records_that_are_missing_are_lost_or_miscounted_as_the_backups_own_count_says() -> None:
    """F4: where the namespace was written to, the count of the whole backup is left."""
    sure = look(replace(tenant(), count=None))
    found = look(replace(tenant(), records=()))
    assert kinds(compared(sure, found)) == ["records_missing"]
    assert kinds(compared(sure, found, record_count=9)) == ["miscounted"]
    assert kinds(compared(sure, found, record_count=10)) == ["total_lower", "records_missing"]


def test_a_namespace_that_came_back_under_another_name_is_called_renamed() -> None:
    """F4: but only where all namespaces of the source are known."""
    gone, other = replace(tenant(), count=0, records=()), NamespaceLook("other", 9, None, ())
    found = look(gone, other)
    assert [str(each) for each in compared(look(), found).differences] == [
        "namespace tenant is missing, and a namespace other has as many records"
    ]
    assert kinds(compared(look(complete=False), found)) == ["namespace_missing"]


def test_a_namespace_is_called_renamed_only_where_its_own_count_is_known() -> None:
    """F4: one that was written to meanwhile is missing, whatever another one holds."""
    gone = replace(tenant(), count=0, records=())
    found = look(gone, NamespaceLook("other", 1, None, ()))
    assert kinds(compared(look(tenant(count=None)), found)) == ["namespace_missing"]


def test_records_that_are_missing_are_lost_where_the_count_is_too_low_already() -> None:
    """F4: Pinecone's counts lag behind, in the source and in the restored index."""
    sure, found = tenant(vector(), vector("r2"), count=1), tenant(count=0)
    assert kinds(compared(look(sure), look(found))) == ["records_lost"]


def test_an_index_without_a_record_is_called_empty_once() -> None:
    """F4"""
    beside = replace(tenant(), namespace="beside")
    gone = [replace(each, count=0, records=()) for each in (tenant(), beside)]
    (found,) = compared(look(tenant(), beside), look(*gone), record_count=18).differences
    assert str(found) == "it is empty instead of holding 18 records"


def test_an_empty_backup_comes_back_empty() -> None:
    """F4"""
    nothing = look(total=0, namespaces=())
    assert compared(None, nothing, record_count=0).sound
    assert kinds(compared(None, nothing, record_count=1)) == ["empty"]


@pytest.mark.parametrize(
    ("total", "found"), [(99, ["total_lower"]), (100, []), (101, ["total_higher"])]
)
def test_without_evidence_the_backups_own_count_is_compared(total: int, found: list[str]) -> None:
    """F4"""
    comparison = compared(None, look(total=total, namespaces=()), record_count=100)
    assert kinds(comparison) == found
    assert comparison.depth is Depth.COUNTS


def test_an_index_that_cannot_be_looked_at_is_compared_by_its_schema_alone() -> None:
    """F4"""
    assert compared(look(), None) == Comparison((), None)
    assert kinds(compared(look(), None, dimension=3, metric="euclidean")) == ["dimension", "metric"]


def test_another_dimension_explains_other_values_and_other_neighbours() -> None:
    """F4"""
    sure = look(replace(tenant(), probes=(Neighbours("r1", ("a",)),)))
    found = look(replace(tenant(vector(values=(0.5,))), probes=(Neighbours("r1", ("b",)),)))
    assert kinds(compared(sure, found, dimension=3)) == ["dimension"]


def test_what_pinecone_does_not_say_of_a_schema_the_looks_say() -> None:
    """F4"""
    described, listed = backup(record_count=None), index()
    found = compare(look(), described, listed, look(dimension=3, metric="euclidean"))
    assert [str(each) for each in found.differences] == [
        "its dimension is 3 instead of 2",
        "its metric is euclidean instead of cosine",
    ]


@pytest.mark.parametrize(("met", "sound"), [(LEAST_OVERLAP, True), (LEAST_OVERLAP - 1, False)])
def test_queries_must_find_most_of_the_neighbours_that_they_should(met: int, sound: bool) -> None:
    """F4: the search is an approximation."""
    expected = tuple(f"n{number}" for number in range(100))
    sure = look(replace(tenant(), probes=(Neighbours("r1", expected),)))
    found = look(replace(tenant(), probes=(Neighbours("r1", expected[:met]),)))
    comparison = compared(sure, found)
    assert (comparison.sound, comparison.depth, comparison.probes) == (sound, Depth.QUERIES, 1)
    assert [str(each) for each in comparison.differences] == [
        "queries in namespace tenant find 59 % of the neighbours that they should"
    ] * (not sound)


def test_a_look_compares_no_deeper_than_it_went() -> None:
    """F4"""
    sure = look(replace(tenant(), probes=(Neighbours("r1", ("a",)),)))
    counted = compared(sure, look(replace(tenant(), records=()), depth=Depth.COUNTS))
    assert counted == Comparison((), Depth.COUNTS, namespaces=1)


def test_the_most_telling_difference_comes_first() -> None:
    """F4"""
    changed = tenant(vector(values=(1.0, 1.0), metadata={}), count=8)
    beside = replace(tenant(), namespace="beside")
    found = compared(look(tenant(), beside), look(changed, beside), metric="euclidean")
    assert kinds(found) == ["metric", "records_lost", "values_changed", "metadata_lost"]


@pytest.mark.parametrize("kind", DifferenceKind)
def test_every_difference_can_be_put_in_words(kind: DifferenceKind) -> None:
    names = ("status", "state", "found", "expected", "namespace", "other", "sampled", "percent")
    text = str(Difference.of(kind, **dict.fromkeys(names, 1_000)))
    assert "{" not in text
    assert "1,000" in text or "1000" in text


# Confirming


def test_only_what_two_comparisons_show_is_wrong() -> None:
    """F5: with other figures it is still the same difference, in another namespace it is not."""
    lost = Difference.of(DifferenceKind.RECORDS_LOST, namespace="a", expected=9, found=1)
    less = Difference.of(DifferenceKind.RECORDS_LOST, namespace="a", expected=9, found=8)
    elsewhere = Difference.of(DifferenceKind.RECORDS_LOST, namespace="b", expected=9, found=8)
    later = Comparison((less, elsewhere), Depth.COUNTS)
    assert confirmed([lost], later).differences == (less,)
    assert confirmed([lost], Comparison((elsewhere,), Depth.COUNTS)).sound


def test_a_quarter_of_an_hour_lies_between_two_comparisons() -> None:
    """F1, F5"""
    assert timedelta(minutes=15) == APART


def test_of_too_many_long_ids_each_namespace_keeps_its_share() -> None:
    """F2: what just fits stays whole; otherwise one of each at least, chosen by its namespace."""
    fits = {"a": [f"{number:0400}" for number in reversed(range(MOST_ID_BYTES // 400))]}
    assert within_bytes(fits, SECRET) == fits
    over = {"a": [f"{number:0800}" for number in range(MOST_ID_BYTES // 400)], "b": ["y", "z"]}
    kept = within_bytes(over, SECRET)
    half = len(over["a"]) * MOST_ID_BYTES // (len(over["a"]) * 800 + 2)
    assert kept == {"a": pick(over["a"], half, SECRET, "a"), "b": pick(over["b"], 1, SECRET, "b")}


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
def test_a_vector_is_as_long_as_up_to_its_last_value(zeros: int) -> None:
    """F4: so that a truncated one is told from a changed one."""
    assert digest(vector(values=(0.5, 0.0, 0.25, *[0.0] * zeros)), SECRET).length == 3


def test_most_of_the_neighbours_is_counted_exactly() -> None:
    """F4: 119 of 200 are less than 60 %, however close."""
    expected = tuple(f"n{number}" for number in range(200))
    sure = look(replace(tenant(), probes=(Neighbours("r1", expected),)))
    found = look(replace(tenant(), probes=(Neighbours("r1", expected[:119]),)))
    assert [each.parameters["percent"] for each in compared(sure, found).differences] == [59]
