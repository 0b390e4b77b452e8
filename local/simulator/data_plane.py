"""The data plane of one index: records and namespaces, as its own host serves them.

Reads show the index as it was ``read_lag_seconds`` ago, statistics as it was ``stats_lag_seconds``
ago; writes take effect at once. Refusals are ``ApiError``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING

from local.simulator import errors, schema
from local.simulator.contents import DEFAULT_NAMESPACE, Changed, Held, Replaced, counts
from local.simulator.filters import matches
from local.simulator.search import Match, Probe, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from local.simulator.filters import Filter
    from local.simulator.records import Metadata, Record, Records, Sparse
    from local.simulator.state import Behaviour, Index

MOST_IDS = 1_000
"""Ids per upsert, fetch or delete."""
MOST_MATCHES = 10_000
MOST_LISTED = 100
LONGEST_ID = 512
LONGEST_SPARSE = 2_048
SMALLEST_VALUE = 1e-8
"""Dense values that are all smaller than this count as zeros, which no record may have."""
RECORDS_PER_READ_UNIT = 10
READ_UNITS_OF_LIST = 1
_GIGABYTE = 10**9


@dataclass(frozen=True, slots=True)
class Summary:
    """One namespace, as the namespace operations describe it."""

    name: str
    records: int
    size_bytes: int


class DataPlane:
    """What can be done with the records of one index at the moment ``now``."""

    def __init__(self, index: Index, behaviour: Behaviour, now: datetime) -> None:
        self.index = index
        self._behaviour = behaviour
        self._now = now

    # Writing.

    def upsert(self, namespace: str, records: Sequence[Record]) -> None:
        """Write records whole; one that is there is replaced."""
        self._refuse_documents()
        if not 1 <= len(records) <= MOST_IDS:
            raise errors.invalid(f"Upsert takes 1 to {MOST_IDS} vectors, got {len(records)}.")
        for record in records:
            self._check(record)
        self._change(namespace, {record.record_id: record for record in records})

    def update(
        self,
        namespace: str,
        record_id: str,
        *,
        values: tuple[float, ...] | None = None,
        sparse: Sparse | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        """Change what is given of one record; a record that is not there is left alone."""
        self._refuse_documents()
        known = self._newest(namespace).records.get(record_id)
        if known is None:
            return
        changed = replace(
            known,
            values=known.values if values is None else values,
            sparse=sparse or known.sparse,
            metadata={**(known.metadata or {}), **(metadata or {})} or None,
        )
        self._check(changed)
        self._change(namespace, {record_id: changed})

    def update_matching(
        self, namespace: str, only: Filter, metadata: Metadata, *, pretend: bool
    ) -> int:
        """Set metadata of the records that a filter selects; how many, also when pretending."""
        self._refuse_documents()
        found = [record for record in self._newest(namespace).records if _selected(record, only)]
        if found and not pretend:
            new = {
                r.record_id: replace(r, metadata={**(r.metadata or {}), **metadata}) for r in found
            }
            self._change(namespace, new)
        return len(found)

    def delete(self, namespace: str, record_ids: Iterable[str]) -> None:
        """Delete records; ids that are not there are ignored."""
        self._refuse_documents()
        chosen = list(record_ids)
        if not 1 <= len(chosen) <= MOST_IDS:
            raise errors.invalid(f"Delete takes 1 to {MOST_IDS} ids, got {len(chosen)}.")
        if self._exists(namespace):
            self._change(namespace, dict.fromkeys(chosen))

    def delete_matching(self, namespace: str, only: Filter) -> None:
        """Delete the records that a filter selects."""
        self._refuse_documents()
        found = [r.record_id for r in self._newest(namespace).records if _selected(r, only)]
        if found:
            self._change(namespace, dict.fromkeys(found))

    def empty(self, namespace: str) -> None:
        """Delete every record of a namespace; the namespace stays."""
        self._refuse_documents()
        self._require(namespace)
        self._add(namespace, Held())

    # Reading.

    def fetch(self, namespace: str, record_ids: Sequence[str]) -> list[Record]:
        """The records with these ids; ids that are not there are left out."""
        self._refuse_documents()
        if not 1 <= len(record_ids) <= MOST_IDS:
            raise errors.invalid(f"Fetch takes 1 to {MOST_IDS} ids, got {len(record_ids)}.")
        records = self._visible(namespace)
        found = (records.get(record_id) for record_id in dict.fromkeys(record_ids))
        return [record for record in found if record is not None]

    def fetch_matching(
        self, namespace: str, only: Filter, *, after: str, limit: int
    ) -> list[Record]:
        """The first ``limit`` records after an id that a filter selects, by id."""
        self._refuse_documents()
        records = self._visible(namespace)
        all_after = (records.get(record_id) for record_id in records.ids(after=after))
        found = (record for record in all_after if record and matches(record.metadata, only))
        return list(islice(found, limit))

    def list_ids(self, namespace: str, *, prefix: str, after: str, limit: int) -> list[str]:
        """The first ``limit`` ids after an id that begin with a prefix."""
        self._refuse_documents()
        if not 1 <= limit <= MOST_LISTED:
            raise errors.invalid(f"limit must be between 1 and {MOST_LISTED}, got {limit}.")
        return list(islice(self._visible(namespace).ids(after=after, prefix=prefix), limit))

    def query(self, namespace: str, probe: Probe, *, limit: int, only: Filter) -> list[Match]:
        """The records most like a vector, the most alike first."""
        self._refuse_documents()
        if not 1 <= limit <= MOST_MATCHES:
            raise errors.invalid(f"topK must be between 1 and {MOST_MATCHES}, got {limit}.")
        if probe.values:
            self._check_dimension(probe.values)
        if probe.sparse is not None:
            self._check_sparse(probe.sparse)
        return nearest(
            self._visible(namespace),
            probe,
            metric=schema.metric(self.index.fields),
            limit=limit,
            only=only,
            scan=self._behaviour.query_scan,
        )

    def probe_of(self, namespace: str, record_id: str) -> Probe | None:
        """A record as a query; None where there is no such record."""
        record = self._visible(namespace).get(record_id)
        return None if record is None else Probe(record.values, record.sparse)

    def counts(self) -> dict[str, int]:
        """Records per namespace, for the statistics."""
        if self.index.reported is not None:
            return self.index.reported
        return counts(self.index.contents.at(self._as_counted))

    def sequence_number(self, namespace: str) -> int:
        """The number of the newest write to a namespace that reads show."""
        return self.index.contents.sequence_number(namespace, self._as_read)

    def read_units_of_query(self, namespace: str) -> int:
        """One per gigabyte of the namespace, and one at least."""
        return max(ceil(self._size(self._visible(namespace).count()) / _GIGABYTE), 1)

    # Namespaces.

    def namespaces(self) -> list[Summary]:
        """All namespaces, by name; empty ones included."""
        seen = self.index.contents.at(self._as_counted)
        return [self._summary(name, seen[name]) for name in sorted(seen, key=str.encode)]

    def describe_namespace(self, name: str) -> Summary:
        """One namespace."""
        self._require(name)
        return self._summary(name, self.index.contents.namespace(name, self._as_counted) or Held())

    def create_namespace(self, name: str) -> Summary:
        """Create an empty namespace."""
        if self._exists(name):
            raise errors.already_exists(f"Namespace {name} already exists")
        self._add(name, Held())
        return self._summary(name, Held())

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace and all that it holds."""
        self._require(name)
        self._add(name, None)

    # What both need.

    @property
    def _as_read(self) -> datetime:
        return self._now - timedelta(seconds=self._behaviour.read_lag_seconds)

    @property
    def _as_counted(self) -> datetime:
        return self._now - timedelta(seconds=self._behaviour.stats_lag_seconds)

    def _visible(self, namespace: str) -> Records:
        return (self.index.contents.namespace(namespace, self._as_read) or Held()).records

    def _newest(self, namespace: str) -> Held:
        return self.index.contents.namespace(namespace, self._now) or Held()

    def _exists(self, namespace: str) -> bool:
        """The default namespace is there even before its first record."""
        return (
            namespace == DEFAULT_NAMESPACE
            or self.index.contents.namespace(namespace, self._now) is not None
        )

    def _require(self, namespace: str) -> None:
        if not self._exists(namespace):
            raise errors.not_found(f"Namespace {namespace} not found")

    def _change(self, namespace: str, records: Mapping[str, Record | None]) -> None:
        self.index.contents.add(namespace, Changed(self._now, records))

    def _add(self, namespace: str, held: Held | None) -> None:
        self.index.contents.add(namespace, Replaced(self._now, held))

    def _size(self, records: int) -> int:
        return records * schema.record_bytes(self.index.fields)

    def _summary(self, name: str, held: Held) -> Summary:
        reported = (self.index.reported or {}).get(name)
        records = held.records.count() if reported is None else reported
        return Summary(name, records, self._size(records))

    def _refuse_documents(self) -> None:
        if self.index.has_document_schema:
            raise errors.invalid("This index has a document schema: use the documents API instead.")

    def _check(self, record: Record) -> None:
        _check_id(record.record_id)
        dimension = schema.stored_dimension(self.index.fields)
        if record.values:
            self._check_dimension(record.values)
            if all(abs(value) < SMALLEST_VALUE for value in record.values):
                raise errors.invalid(
                    "Dense vectors must contain at least one non-zero value. "
                    f"Vector ID {record.record_id} contains only zeros."
                )
        elif dimension is not None or record.sparse is None:
            raise errors.invalid(f"Vector ID {record.record_id} has no values.")
        if record.sparse is not None:
            self._check_sparse(record.sparse)
        for name, value in (record.metadata or {}).items():
            _check_metadata(name, value)

    def _check_dimension(self, values: Sequence[float]) -> None:
        dimension = schema.stored_dimension(self.index.fields)
        if dimension is None:
            raise errors.invalid("Sparse indexes do not take dense values.")
        if len(values) != dimension:
            raise errors.invalid(
                f"Vector dimension {len(values)} does not match the dimension of the index "
                f"{dimension}"
            )

    def _check_sparse(self, sparse: Sparse) -> None:
        if not schema.takes_sparse(self.index.fields):
            raise errors.invalid(
                "Only sparse indexes, and dense ones with the metric dotproduct, take sparse "
                "values."
            )
        if not 1 <= len(sparse.indices) <= LONGEST_SPARSE or len(sparse.indices) != len(
            sparse.values
        ):
            raise errors.invalid(
                f"Sparse vectors have 1 to {LONGEST_SPARSE} indices, and as many values."
            )


def _selected(record: Record, only: Filter) -> bool:
    return matches(record.metadata, only)


def _check_id(record_id: str) -> None:
    if not (1 <= len(record_id) <= LONGEST_ID and record_id.isascii() and "\0" not in record_id):
        raise errors.invalid(f"Vector ID must be 1 to {LONGEST_ID} ASCII characters long.")


def _check_metadata(name: str, value: object) -> None:
    texts = isinstance(value, list) and all(isinstance(part, str) for part in value)
    if name.startswith("$") or not (texts or isinstance(value, str | int | float | bool)):
        raise errors.invalid(
            "Metadata value must be a string, number, boolean or list of strings, "
            f"got {value!r} for field '{name}'."
        )


def read_units_of_fetch(records: int) -> int:
    """One per ten records, and one at least."""
    return max(ceil(records / RECORDS_PER_READ_UNIT), 1)
