"""Nearest neighbours: which records of a namespace are most like a vector."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import islice
from math import sqrt, sumprod
from typing import TYPE_CHECKING

from local.simulator.filters import matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local.simulator.filters import Filter
    from local.simulator.records import Record, Records, Sparse


@dataclass(frozen=True, slots=True)
class Probe:
    """What is asked for: dense values, sparse ones, or both."""

    values: Sequence[float] = ()
    sparse: Sparse | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One record found, and how alike it is."""

    score: float
    record: Record


def nearest(
    records: Records, probe: Probe, *, metric: str, limit: int, only: Filter, scan: int
) -> list[Match]:
    """The ``limit`` records most like the probe, the most alike first, ties by id.

    Args:
        records: Where to look.
        probe: What to look for.
        metric: ``cosine``, ``dotproduct`` or ``euclidean`` (the squared distance).
        limit: How many.
        only: A metadata filter; empty for none.
        scan: How many records are scanned, at most: beyond that the result is an approximation.
    """
    found = [
        Match(_score(probe, record, metric), record)
        for record in islice(records, scan)
        if matches(record.metadata, only)
    ]
    sign = 1 if metric == "euclidean" else -1
    return heapq.nsmallest(limit, found, key=lambda m: (sign * m.score, m.record.record_id))


def _score(probe: Probe, record: Record, metric: str) -> float:
    # A restore may have brought values of another dimension than the index has.
    pairs = list(zip(probe.values, record.values, strict=False))
    mine, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if metric == "euclidean":
        return sum((a - b) ** 2 for a, b in pairs)
    dense = sumprod(mine, theirs)
    if metric == "cosine":
        lengths = sqrt(sumprod(mine, mine)) * sqrt(sumprod(theirs, theirs))
        return dense / lengths if lengths else 0.0
    return dense + sum(_sparse_products(probe.sparse, record.sparse))


def _sparse_products(one: Sparse | None, other: Sparse | None) -> Iterator[float]:
    if one is None or other is None:
        return
    weights = dict(zip(other.indices, other.values, strict=True))
    for index, value in zip(one.indices, one.values, strict=True):
        yield value * weights.get(index, 0.0)
