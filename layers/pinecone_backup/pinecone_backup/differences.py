"""How a restored index differs from what its backup should hold: values, and their one wording.

Code compares kinds and parameters, never texts; people read ``str(difference)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class DifferenceKind(StrEnum):
    """What is different; ``template`` is its text. The first one that applies says the most."""

    template: str

    def __new__(cls, value: str, template: str) -> DifferenceKind:
        """A member whose value is its name in JSON."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.template = template
        return member

    # The restore itself.
    JOB_FAILED = "job_failed", "the restore job ended as {status}"
    INDEX_FAILED = "index_failed", "the restored index is {state}"

    # Its schema.
    DIMENSION = "dimension", "its dimension is {found} instead of {expected}"
    METRIC = "metric", "its metric is {found} instead of {expected}"

    # How much there is.
    EMPTY = "empty", "it is empty instead of holding {expected} records"
    NAMESPACE_MISSING = "namespace_missing", "namespace {namespace} is missing"
    NAMESPACE_RENAMED = (
        "namespace_renamed",
        "namespace {namespace} is missing, and a namespace {other} has as many records",
    )
    RECORDS_LOST = (
        "records_lost",
        "namespace {namespace} has {found} records instead of {expected}",
    )
    RECORDS_ADDED = (
        "records_added",
        "namespace {namespace} has {found} records instead of {expected}",
    )
    TOTAL_LOWER = "total_lower", "it holds {found} records, and its backup {expected}"
    TOTAL_HIGHER = "total_higher", "it holds {found} records, and its backup {expected}"

    # What is in it, by the sample.
    RECORDS_MISSING = (
        "records_missing",
        "{found} of {sampled} sampled records are missing in namespace {namespace}",
    )
    MISCOUNTED = (
        "miscounted",
        "namespace {namespace} counts all records, and {found} of {sampled} sampled are missing",
    )
    VALUES_TRUNCATED = (
        "values_truncated",
        "{found} of {sampled} sampled records in namespace {namespace} end in zeros",
    )
    VALUES_CHANGED = (
        "values_changed",
        "{found} of {sampled} sampled records in namespace {namespace} have other values",
    )
    SPARSE_LOST = (
        "sparse_lost",
        "{found} of {sampled} sampled records in namespace {namespace} lost their sparse values",
    )
    METADATA_LOST = (
        "metadata_lost",
        "{found} of {sampled} sampled records in namespace {namespace} lost their metadata",
    )
    METADATA_CHANGED = (
        "metadata_changed",
        "{found} of {sampled} sampled records in namespace {namespace} have other metadata",
    )
    NEIGHBOURS = (
        "neighbours",
        "queries in namespace {namespace} find {percent} % of the neighbours that they should",
    )


_FIGURES = ("found", "expected", "sampled")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is different.

    Attributes:
        parameters: The figures and names of the text.
    """

    kind: DifferenceKind
    parameters: Mapping[str, str | int] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: DifferenceKind, **parameters: str | int) -> Difference:
        """A difference with its parameters."""
        return cls(kind, parameters)

    def __hash__(self) -> int:
        """Differences with the same kind and parameters are the same."""
        return hash((self.kind, *sorted(self.parameters.items())))

    @property
    def namespace(self) -> str:
        """The namespace that it concerns, or empty."""
        return str(self.parameters.get("namespace", ""))

    def __str__(self) -> str:
        """The difference as people read it."""
        shown = {
            name: f"{value:,}" if name in _FIGURES and isinstance(value, int) else value
            for name, value in self.parameters.items()
        }
        return self.kind.template.format_map(shown)
