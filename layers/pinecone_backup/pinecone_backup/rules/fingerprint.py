"""What is sure of the contents of a backup, and whether a restored index agrees (rules F1 to F5).

A backup holds what its index held some time before it was created, 15 minutes at most. Nobody can
look into it, so the index is looked at twice: more than that time before the creation, and long
enough after it. What both looks show was there all the while, unless it changed twice; nothing
else is evidence. A look keeps ids and counts, and of records and neighbours keyed hashes alone.
"""

from __future__ import annotations

import hmac
import json
from array import array
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import shake_256
from itertools import accumulate
from typing import TYPE_CHECKING

from pinecone_backup.differences import Difference, DifferenceKind
from pinecone_backup.model import Depth
from pinecone_backup.records import Look, NamespaceLook, Neighbours, SampledRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import Backup, Index, Vector

APART = timedelta(minutes=15)
"""How old the newest records of a backup may be at its creation, and how far reads may lag behind
(rule F1)."""
SAMPLE = 300
"""Records that a look samples: of a loss of 1 % they show something with 95 %."""
MOST_NAMESPACES = 100
"""Namespaces that a look samples: each takes calls of its own."""
MOST_ID_BYTES = 40_000
"""Letters that the sampled ids may have together, so that an item of the ledger holds them."""
PROBES = 10
"""Sampled records that a look takes as queries, over the whole index."""
NEAREST = 10
LEAST_OVERLAP = 60
"""Percent of the expected neighbours that the queries of a namespace find at least, together: the
search is an approximation."""
_HASH = 16


# What to look at (rule F2)


def allotted(counts: Mapping[str, int], secret: bytes) -> dict[str, int]:
    """How many records to sample of which namespaces, in proportion to what they hold.

    With more than ``MOST_NAMESPACES`` some are chosen, each with the chance of its share.
    """
    filled = {name: count for name, count in counts.items() if count > 0}
    total = sum(filled.values())
    if len(filled) <= MOST_NAMESPACES:
        return {name: min(count, max(1, SAMPLE * count // total)) for name, count in filled.items()}
    names = sorted(filled, key=lambda name: _hash(secret, "namespace", name))
    ends = list(accumulate(filled[name] for name in names))
    start = int(_hash(secret, "start", ""), 16) % total
    steps = (number * total // MOST_NAMESPACES for number in range(MOST_NAMESPACES))
    hits = Counter(names[bisect_right(ends, (start + step) % total)] for step in steps)
    each = SAMPLE // MOST_NAMESPACES
    return {name: min(filled[name], each * times) for name, times in sorted(hits.items())}


def pick(record_ids: Iterable[str], number: int, secret: bytes, namespace: str) -> list[str]:
    """As many of the ids by the chance of their hashes, with the first and the last one.

    A restore that was cut short lacks what is at the ends.
    """
    known = list(dict.fromkeys(record_ids))
    ends = {known[0], known[-1]} if known else set()
    ranked = sorted(
        known, key=lambda one: (one not in ends, _hash(secret, f"pick {namespace}", one))
    )
    return sorted(ranked[:number])


def within_bytes(chosen: Mapping[str, Sequence[str]], secret: bytes) -> dict[str, list[str]]:
    """The chosen ids by namespace, less some of the longest where all are too much to store."""
    size = sum(len(one) for ids in chosen.values() for one in ids)
    if size <= MOST_ID_BYTES:
        return {name: list(ids) for name, ids in chosen.items()}
    return {
        name: pick(ids, max(1, len(ids) * MOST_ID_BYTES // size), secret, name)
        for name, ids in chosen.items()
    }


def direction(secret: bytes, namespace: str, number: int, dimension: int) -> tuple[float, ...]:
    """A dense vector by chance, to find records wherever their ids stand."""
    key = b"/".join([secret, namespace.encode(), str(number).encode()])
    return tuple((byte - 127.5) / 127.5 for byte in shake_256(key).digest(dimension))


# What was seen


def digest(vector: Vector, secret: bytes) -> SampledRecord:
    """A record as hashes; how its numbers are written makes no difference."""
    dense = _single(vector.values)
    length = len(dense)
    while length and not dense[length - 1]:
        length -= 1
    sparse = ""
    if vector.sparse:
        indices, weights = zip(*sorted(vector.sparse), strict=True)
        sparse = f"{indices} {_single(weights).tobytes().hex()}"
    return SampledRecord(
        vector.record_id,
        _hash(secret, "values", dense.tobytes().hex()) if dense else "",
        length,
        _hash(secret, "sparse", sparse) if sparse else "",
        _hash(secret, "metadata", _canonical(vector.metadata)) if vector.metadata else "",
    )


def neighbours(record_id: str, nearest: Iterable[str], secret: bytes) -> Neighbours:
    """What a query found, as hashes."""
    return Neighbours(record_id, tuple(_hash(secret, "id", found) for found in nearest))


def _single(values: Sequence[float]) -> array[float]:
    """As 32-bit numbers, which is how Pinecone keeps them; minus zero is zero."""
    return array("f", [value + 0.0 for value in array("f", values)])


def _canonical(value: object) -> str:
    return json.dumps(_as_kept(value), sort_keys=True, separators=(",", ":"))


def _as_kept(value: object) -> object:
    """Pinecone keeps every number as a 64-bit one: 1 is 1.0."""
    if isinstance(value, dict):
        return {key: _as_kept(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_kept(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _hash(secret: bytes, use: str, text: str) -> str:
    return hmac.digest(secret, f"{use}|{text}".encode(), "sha256").hex()[:_HASH]


# What two looks prove (rules F1 and F3)


def holds_for(created_at: datetime, first: Look, second_began_at: datetime) -> bool:
    """Whether two looks enclose the time whose contents a backup holds (rule F1)."""
    return first.ended_at + APART <= created_at <= second_began_at - APART


def evidence(first: Look, second: Look) -> Look:
    """What both looks show (rule F3).

    A record that is equal in both is evidence. Counts and neighbours are only where nothing was
    written to the namespace in between, which Pinecone's sequence numbers say.

    Raises:
        ValueError: They do not share a secret.
    """
    if first.secret != second.secret:
        raise ValueError("two looks with different secrets cannot be compared")
    later = {seen.namespace: seen for seen in second.namespaces}
    return replace(
        first,
        ended_at=second.ended_at,
        dimension=first.dimension if first.dimension == second.dimension else None,
        metric=first.metric if first.metric == second.metric else None,
        total=None,
        complete=first.complete and second.complete,
        namespaces=tuple(
            _common(seen, later[seen.namespace])
            for seen in first.namespaces
            if seen.namespace in later
        ),
    )


def _common(first: NamespaceLook, second: NamespaceLook) -> NamespaceLook:
    still = first.sequence is not None and (first.sequence, first.count) == (
        second.sequence,
        second.count,
    )
    records, probes = set(second.records), {each.record_id: each for each in second.probes}
    common = (
        Neighbours(
            each.record_id,
            tuple(found for found in each.nearest if found in probes[each.record_id].nearest),
        )
        for each in first.probes
        if still and each.record_id in probes
    )
    return NamespaceLook(
        first.namespace,
        first.count if still else None,
        first.sequence if still else None,
        tuple(record for record in first.records if record in records),
        tuple(each for each in common if each.nearest),
    )


# Whether a restored index agrees (rules F4 and F5)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a restored index was compared with, and what differs.

    Attributes:
        differences: What is wrong, the most telling first.
        depth: How deep it went; None: the schema alone.
        namespaces: How many were compared by their counts.
        records: How many sampled ones were compared.
        probes: How many queries were.
    """

    differences: tuple[Difference, ...]
    depth: Depth | None
    namespaces: int = 0
    records: int = 0
    probes: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def compare(
    fingerprint: Look | None, backup: Backup, index: Index, look: Look | None
) -> Comparison:
    """Compare a restored index with what its backup should hold (rule F4).

    Args:
        fingerprint: What is sure of the backup; None when nothing is.
        backup: As Pinecone describes it: its schema and its number of records.
        index: The restored one, as Pinecone describes it.
        look: What was seen in it of the fingerprint's namespaces and records; None when it
            could not be looked at.
    """
    differences = list(_schema(fingerprint, backup, index, look))
    if look is None:
        return Comparison(tuple(differences), None)
    pairs = _pairs(fingerprint, look)
    total = backup.record_count or sum(pair.least for pair in pairs)
    if look.total == 0 and total and all(pair.absent for pair in pairs):
        differences.append(Difference.of(DifferenceKind.EMPTY, expected=total))
    else:
        kinds = {each.kind for each in differences}
        others, agrees = _others(fingerprint, look), backup.record_count == look.total
        by_count = [each for pair in pairs for each in _counted(pair, others)]
        differences += by_count or _totals(backup, look)
        for pair in pairs:
            if look.depth.includes(Depth.SAMPLE) and not pair.absent:
                differences += _in_contents(pair, kinds, total_agrees=agrees)
    return Comparison(
        tuple(sorted(differences, key=lambda each: _ORDER[each.kind])),
        _reached(pairs, look.depth),
        sum(pair.expected.count is not None for pair in pairs),
        sum(len(pair.expected.records) for pair in pairs if look.depth.includes(Depth.SAMPLE)),
        sum(len(pair.probes) for pair in pairs),
    )


def confirmed(earlier: Iterable[Difference], later: Comparison) -> Comparison:
    """What a comparison found, of the differences that an earlier one had found (rule F5).

    A restored index is read with a lag too, so that one look alone proves nothing wrong. Without
    any difference in ``later`` the restore is sound; with one that is confirmed ``APART`` later it
    is not; otherwise it is to be looked at again.
    """
    before = {(each.kind, each.namespace) for each in earlier}
    both = (each for each in later.differences if (each.kind, each.namespace) in before)
    return replace(later, differences=tuple(both))


_ORDER = {kind: number for number, kind in enumerate(DifferenceKind)}


@dataclass(frozen=True, slots=True)
class _Pair:
    """One namespace, as it should be and as it was found."""

    expected: NamespaceLook
    found: NamespaceLook

    @property
    def least(self) -> int:
        """How many records it holds at least."""
        return self.expected.count or len(self.expected.records)

    @property
    def absent(self) -> bool:
        """Whether nothing of it was found."""
        return not self.found.count and not self.found.records

    @property
    def probes(self) -> list[tuple[Neighbours, Neighbours]]:
        """The queries that were asked in both."""
        asked = {each.record_id: each for each in self.found.probes}
        return [
            (each, asked[each.record_id])
            for each in self.expected.probes
            if each.record_id in asked
        ]


def _pairs(fingerprint: Look | None, look: Look) -> list[_Pair]:
    found = {seen.namespace: seen for seen in look.namespaces}
    known = fingerprint.namespaces if fingerprint is not None else ()
    return [_Pair(each, found[each.namespace]) for each in known if each.namespace in found]


def _reached(pairs: Sequence[_Pair], depth: Depth) -> Depth:
    """The depth that there was evidence for."""
    if any(pair.probes for pair in pairs):
        return Depth.QUERIES
    if depth.includes(Depth.SAMPLE) and any(pair.expected.records for pair in pairs):
        return Depth.SAMPLE
    return Depth.COUNTS


def _schema(
    fingerprint: Look | None, backup: Backup, index: Index, look: Look | None
) -> Iterator[Difference]:
    dimension = backup.dimension or (fingerprint and fingerprint.dimension)
    metric = backup.metric or (fingerprint and fingerprint.metric)
    found_dimension = index.dimension or (look and look.dimension)
    found_metric = index.metric or (look and look.metric)
    if dimension and found_dimension and dimension != found_dimension:
        yield Difference.of(DifferenceKind.DIMENSION, expected=dimension, found=found_dimension)
    if metric and found_metric and metric != found_metric:
        yield Difference.of(DifferenceKind.METRIC, expected=metric, found=found_metric)


def _totals(backup: Backup, look: Look) -> list[Difference]:
    """By Pinecone's own count of the backup."""
    expected, found = backup.record_count, look.total
    if expected is None or found is None or expected == found:
        return []
    kind = DifferenceKind.TOTAL_LOWER if found < expected else DifferenceKind.TOTAL_HIGHER
    return [Difference.of(kind, expected=expected, found=found)]


def _others(fingerprint: Look | None, look: Look) -> dict[int, str]:
    """The namespaces that the source did not have, by their counts; none where that is unsure."""
    if fingerprint is None or not fingerprint.complete:
        return {}
    known = {each.namespace for each in fingerprint.namespaces}
    unknown = [each for each in look.namespaces if each.namespace not in known]
    return {each.count: each.namespace for each in unknown if each.count}


def _counted(pair: _Pair, others: Mapping[int, str]) -> Iterator[Difference]:
    expected, found, name = pair.expected.count, pair.found.count, pair.expected.namespace
    if not pair.least:
        return
    if pair.absent:
        # It is missing either way; what it is called now is only a hint.
        other = others.get(expected or 0)
        if other is None:
            yield Difference.of(DifferenceKind.NAMESPACE_MISSING, namespace=name)
        else:
            yield Difference.of(DifferenceKind.NAMESPACE_RENAMED, namespace=name, other=other)
    elif expected is not None and found is not None and found != expected:
        lower = found < expected
        kind = DifferenceKind.RECORDS_LOST if lower else DifferenceKind.RECORDS_ADDED
        yield Difference.of(kind, namespace=name, expected=expected, found=found)


def _in_contents(
    pair: _Pair, schema: set[DifferenceKind], *, total_agrees: bool
) -> list[Difference]:
    """What the sampled records of a namespace and its queries show."""
    found = {record.record_id: record for record in pair.found.records}
    numbers = Counter(
        kind
        for record in pair.expected.records
        for kind in _of_record(
            record, found.get(record.record_id), values=DifferenceKind.DIMENSION not in schema
        )
    )
    missing = numbers[DifferenceKind.RECORDS_MISSING]
    expected, counted = pair.expected.count, pair.found.count or 0
    if missing and (expected is not None or total_agrees):
        del numbers[DifferenceKind.RECORDS_MISSING]  # the counts say so as well, unless they lie
        if expected is None or counted >= expected:
            numbers[DifferenceKind.MISCOUNTED] = missing
    namespace = pair.expected.namespace
    if not numbers and not schema:
        return _of_probes(pair, namespace)
    return [
        Difference.of(kind, namespace=namespace, found=number, sampled=len(pair.expected.records))
        for kind, number in numbers.items()
        if number
    ]


def _of_record(
    expected: SampledRecord, found: SampledRecord | None, *, values: bool
) -> Iterator[DifferenceKind]:
    if found is None:
        yield DifferenceKind.RECORDS_MISSING
        return
    if expected.metadata != found.metadata:
        yield DifferenceKind.METADATA_CHANGED if found.metadata else DifferenceKind.METADATA_LOST
    if not values:  # with another dimension all of them differ
        return
    if expected.values == found.values and expected.sparse != found.sparse and not found.sparse:
        yield DifferenceKind.SPARSE_LOST
    elif expected.values != found.values and found.length < expected.length:
        yield DifferenceKind.VALUES_TRUNCATED
    elif (expected.values, expected.sparse) != (found.values, found.sparse):
        yield DifferenceKind.VALUES_CHANGED


def _of_probes(pair: _Pair, namespace: str) -> list[Difference]:
    wanted = sum(len(each.nearest) for each, _ in pair.probes)
    met = sum(len(set(each.nearest) & set(again.nearest)) for each, again in pair.probes)
    if 100 * met >= LEAST_OVERLAP * wanted:
        return []
    percent = 100 * met // wanted
    return [Difference.of(DifferenceKind.NEIGHBOURS, namespace=namespace, percent=percent)]
