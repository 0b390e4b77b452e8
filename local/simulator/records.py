"""Records, and the collections of them that an index holds, a backup keeps and a restore brings.

Every collection is read-only and lazy: records that follow from a seed are made when somebody
looks, so a namespace of a million costs nothing but what was changed in it. Ids are ordered by
their bytes, as Pinecone lists them.
"""

from __future__ import annotations

import hashlib
import heapq
import struct
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

type MetadataValue = str | float | bool | list[str]
type Metadata = Mapping[str, MetadataValue]

SEEDED_GROUPS = 7
"""How many values the field ``group`` of seeded records has."""
SPARSE_ENTRIES = 4
_SPARSE_RANGE = 10_000
_PREFIX = "rec-"
_GREATEST = "\x7f" * 513


@dataclass(frozen=True, slots=True)
class Sparse:
    """A sparse vector: ``values[n]`` stands at ``indices[n]``."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One record; ``values`` is empty in a sparse index."""

    record_id: str
    values: tuple[float, ...] = ()
    sparse: Sparse | None = None
    metadata: Metadata | None = None


class Records(ABC):
    """The records of one namespace at one moment."""

    @abstractmethod
    def get(self, record_id: str) -> Record | None:
        """The record with that id, if there is one."""

    @abstractmethod
    def ids(self, *, after: str = "", prefix: str = "") -> Iterator[str]:
        """The ids that begin with ``prefix`` and come after ``after``, in order."""

    @abstractmethod
    def count(self) -> int:
        """How many there are."""

    def first(self, limit: int) -> Records:
        """Only the first so many, by id."""
        return self if limit >= self.count() else First(self, limit)

    def __contains__(self, record_id: str) -> bool:
        return self.get(record_id) is not None

    def __iter__(self) -> Iterator[Record]:
        for record_id in self.ids():
            record = self.get(record_id)
            assert record is not None  # noqa: S101 - a listed id has its record
            yield record


@dataclass(frozen=True, slots=True)
class Seed:
    """What seeded records are made from, and what they look like.

    Attributes:
        text: Equal texts make equal records.
        dimension: Of the dense values; None where there are none.
        sparse: Whether they have sparse values.
    """

    text: str
    dimension: int | None
    sparse: bool

    def record(self, namespace: str, number: int) -> Record:
        """The record with that number; ``values`` lie between -1 and 1 with four digits."""
        return _seeded_record(self, namespace, number)


@lru_cache(maxsize=512)
def _seeded_record(seed: Seed, namespace: str, number: int) -> Record:
    key = f"{seed.text}/{namespace}/{number}".encode()
    wide = hashlib.shake_128(key).digest(2 * ((seed.dimension or 0) + 2 * SPARSE_ENTRIES))
    numbers = struct.unpack(f"<{len(wide) // 2}H", wide)
    sparse, dense = numbers[: 2 * SPARSE_ENTRIES], numbers[2 * SPARSE_ENTRIES :]
    return Record(
        seeded_id(number),
        tuple([(value % 20_001 - 10_000) / 10_000 for value in dense]),
        _seeded_sparse(sparse) if seed.sparse else None,
        {"number": number, "group": f"g{number % SEEDED_GROUPS}"},
    )


def seeded_id(number: int) -> str:
    """The id of a seeded record: ids of one width sort like their numbers."""
    return f"{_PREFIX}{number:09d}"


def _seeded_sparse(numbers: tuple[int, ...]) -> Sparse:
    indices = sorted({number % _SPARSE_RANGE for number in numbers[:SPARSE_ENTRIES]})
    weights = numbers[SPARSE_ENTRIES : SPARSE_ENTRIES + len(indices)]
    return Sparse(tuple(indices), tuple((weight % 10_000 + 1) / 10_000 for weight in weights))


class Seeded(Records):
    """The seeded records numbered from ``start`` to below ``end``."""

    def __init__(self, seed: Seed, namespace: str, start: int, end: int) -> None:
        self._seed = seed
        self._namespace = namespace
        self._numbers = range(start, max(start, end))

    def get(self, record_id: str) -> Record | None:
        """The record with that id, made now."""
        if record_id not in self:
            return None
        return self._seed.record(self._namespace, int(record_id.removeprefix(_PREFIX)))

    def __contains__(self, record_id: str) -> bool:
        digits = record_id.removeprefix(_PREFIX)
        if not (digits.isascii() and digits.isdigit()) or int(digits) not in self._numbers:
            return False
        return seeded_id(int(digits)) == record_id

    def ids(self, *, after: str = "", prefix: str = "") -> Iterator[str]:
        """The ids, made one by one."""
        begin = max(
            bisect_left(self._numbers, prefix, key=seeded_id),
            bisect_right(self._numbers, after, key=seeded_id),
        )
        return takewhile(
            lambda record_id: record_id.startswith(prefix), map(seeded_id, self._numbers[begin:])
        )

    def count(self) -> int:
        """How many numbers there are."""
        return len(self._numbers)

    def first(self, limit: int) -> Records:
        """A shorter range of the same."""
        start = self._numbers.start
        return Seeded(self._seed, self._namespace, start, min(start + limit, self._numbers.stop))


class Joined(Records):
    """Two collections that have no id in common."""

    def __init__(self, one: Records, other: Records) -> None:
        self._one = one
        self._other = other

    def get(self, record_id: str) -> Record | None:
        """The record, from the collection that has it."""
        return self._one.get(record_id) or self._other.get(record_id)

    def __contains__(self, record_id: str) -> bool:
        return record_id in self._one or record_id in self._other

    def ids(self, *, after: str = "", prefix: str = "") -> Iterator[str]:
        """The ids of both, in order."""
        return heapq.merge(
            self._one.ids(after=after, prefix=prefix), self._other.ids(after=after, prefix=prefix)
        )

    def count(self) -> int:
        """The sum."""
        return self._one.count() + self._other.count()


class Overlaid(Records):
    """A collection with some records replaced, added or, where the change is None, deleted."""

    def __init__(self, base: Records, changes: Mapping[str, Record | None]) -> None:
        self._base = base
        self._changes = changes

    def get(self, record_id: str) -> Record | None:
        """The record as it was changed, or as it was."""
        if record_id in self._changes:
            return self._changes[record_id]
        return self._base.get(record_id)

    def __contains__(self, record_id: str) -> bool:
        if record_id in self._changes:
            return self._changes[record_id] is not None
        return record_id in self._base

    def ids(self, *, after: str = "", prefix: str = "") -> Iterator[str]:
        """The ids that are left, with those that were added."""
        kept = (i for i in self._base.ids(after=after, prefix=prefix) if i not in self._changes)
        changed = self._present[bisect_right(self._present, after) :]
        return heapq.merge(kept, (i for i in changed if i.startswith(prefix)))

    def count(self) -> int:
        """Counted over the changes alone."""
        return self._count

    @cached_property
    def _present(self) -> list[str]:
        return sorted(i for i, record in self._changes.items() if record is not None)

    @cached_property
    def _count(self) -> int:
        replaced = sum(record_id in self._base for record_id in self._changes)
        return self._base.count() - replaced + len(self._present)


class First(Records):
    """The first ``limit`` records of a collection, by id."""

    def __init__(self, base: Records, limit: int) -> None:
        self._base = base
        self._limit = limit

    def get(self, record_id: str) -> Record | None:
        """The record, unless it comes later."""
        return self._base.get(record_id) if record_id <= self._last else None

    def ids(self, *, after: str = "", prefix: str = "") -> Iterator[str]:
        """The ids up to the last one."""
        ids = self._base.ids(after=after, prefix=prefix)
        return takewhile(lambda record_id: record_id <= self._last, ids)

    def count(self) -> int:
        """The limit, or what there is."""
        return min(self._limit, self._base.count())

    @cached_property
    def _last(self) -> str:
        """The last id inside; no id is smaller than "", and none is greater than ``_GREATEST``."""
        if self._limit == 0:
            return ""
        return next(islice(self._base.ids(), self._limit - 1, None), _GREATEST)


class Without(Records):
    """A collection without the records whose id ``lost`` names."""

    def __init__(self, base: Records, lost: Callable[[str], bool]) -> None:
        self._base = base
        self._lost = lost

    def get(self, record_id: str) -> Record | None:
        """The record, unless it is lost."""
        return None if self._lost(record_id) else self._base.get(record_id)

    def ids(self, *, after: str = "", prefix: str = "") -> Iterator[str]:
        """The ids of what is left."""
        ids = self._base.ids(after=after, prefix=prefix)
        return (record_id for record_id in ids if not self._lost(record_id))

    def count(self) -> int:
        """Counted once, by walking through all ids."""
        return self._count

    @cached_property
    def _count(self) -> int:
        return sum(1 for _ in self.ids())


class Altered(Records):
    """A collection whose records ``alter`` changes; ids and their number stay."""

    def __init__(self, base: Records, alter: Callable[[Record], Record]) -> None:
        self._base = base
        self._alter = alter

    def get(self, record_id: str) -> Record | None:
        """The record as it was altered."""
        record = self._base.get(record_id)
        return None if record is None else self._alter(record)

    def ids(self, *, after: str = "", prefix: str = "") -> Iterator[str]:
        """The ids as they were."""
        return self._base.ids(after=after, prefix=prefix)

    def count(self) -> int:
        """As many as before."""
        return self._base.count()


NO_SEED = Seed("", None, sparse=False)
EMPTY: Records = Seeded(NO_SEED, "", 0, 0)
"""No record."""
