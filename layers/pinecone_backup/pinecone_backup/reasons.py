"""Why a backup stays, goes or counts as it does: values, and the one place that words them.

A reason is what a rule found, with its figures. Code compares kinds and parameters, never texts;
people read ``str(reason)``. The texts of K6 are restic's, to the letter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pinecone_backup.figures import many

type Parameter = str | int | bool


class ReasonKind(StrEnum):
    """What a rule found; ``rule`` is its number in docs/rules.md, ``template`` its text."""

    rule: str
    template: str

    def __new__(cls, value: str, rule: str, template: str) -> ReasonKind:
        """A member whose value is its name in JSON."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.rule = rule
        member.template = template
        return member

    # What the retention keeps (K6), and what else a policy keeps.
    WITHIN = "within", "K4", "within {duration}"
    LAST = "last", "K3", "last snapshot"
    PERIOD = "period", "K3", "{period} snapshot"
    WITHIN_PERIOD = "within_period", "K4", "{period} within {duration}"
    AMONG_NEWEST = "among_newest", "K7", "among the newest {count}"
    NOT_OLDER = "not_older", "K7", "not older than {days}d"
    SUSPECT_KEPT = "suspect_kept", "G2", "suspect, among the newest {count}"
    FAILED_KEPT = "failed_kept", "G3", "failed within {span} ago"
    FAILED_NEEDED = "failed_needed", "G3", "failed, and no good backup is newer"
    ORPHAN_KEPT = "orphan_kept", "D7", "its index was deleted: kept for ever"
    ORPHAN_KEPT_DAYS = "orphan_kept_days", "D7", "its index was deleted: kept for {days:day}"

    # What nothing keeps any longer.
    NOT_KEPT = "not_kept", "K6", "no rule of policy {policy} keeps it"
    SUSPECT_OLD = "suspect_old", "G2", "suspect, older than the newest {count}"
    FAILED_OLD = "failed_old", "G3", "failed over {span} ago"
    ON_DEMAND_EXPIRED = "on_demand_expired", "I2", "made on demand, and expired"
    ORPHAN_OLD = "orphan_old", "D7", "its index was deleted over {days:day} ago"

    # What protects a backup all the same (rules.protection).
    FLOOR = "floor", "D1", "floor of {floor}"
    NEWEST_GOOD = "newest_good", "D1", "newest good"
    NEWEST_TESTED = "newest_tested", "D1", "newest restore-tested"
    HELD = "held", "D1", "held by {placed_by}: {reason}"
    RESTORING = "restoring", "D1", "restore job {job_id} reads it"
    UNDER_WAY = "under_way", "D1", "under way"
    PLANNED = "planned", "D1", "planned"
    UNKNOWN_STATUS = "unknown_status", "G3", "unknown status {status}"
    UNJUDGED = "unjudged", "G1", "without a verdict yet"
    UNDATED = "undated", "T2", "undated"
    FUTURE = "future", "T2", "dated in the future"
    CONTRADICTORY = "contradictory", "I4", "contradictory"
    CONTRADICTORY_INDEX = "contradictory_index", "I4", "contradictory: {problem}"
    NOT_LISTED = "not_listed", "I1", "its index is not listed, and not said to be deleted"
    NOT_ACTIVE = "not_active", "I1", "not the active incarnation of {index}"
    AMBIGUOUS = (
        "ambiguous",
        "I1",
        "several incarnations of {index} are listed, and the active one is not known",
    )
    DELETED_AND_ACTIVE = (
        "deleted_and_active",
        "D7",
        "its backups say it is deleted, and its name says it is active",
    )
    NO_POLICY = "no_policy", "I3", "no policy is assigned"
    OPTED_OUT = "opted_out", "I3", "opted out"
    UNKNOWN_TAG = "unknown_tag", "I3", "its backup-policy tag names no policy"
    PAUSED = "paused", "C6", "{problem}"
    ORPHAN_NEEDED = (
        "orphan_needed",
        "D7",
        "index {index} was restored from it and has {good} of {floor} good backups",
    )
    ORPHAN_LAST = "orphan_last", "D7", "newest {worth}: needs approval"

    ITEM_UNREADABLE = (
        "item_unreadable",
        "U2",
        "ledger item {key} cannot be read, and may protect it",
    )

    # What no policy of ours decides about.
    MANUAL = "manual", "I2", "not ours (manual)"
    MISFIT = "misfit", "I2", "not ours (its marker does not fit its name)"
    OTHER_OWNER = "other_owner", "I2", "belongs to another deployment: {owner}"
    NATIVE = "native", "G5", "made by native schedule {schedule}"
    ON_DEMAND = "on_demand", "I2", "made on demand"
    DELETION_PENDING = "deletion_pending", "G4", "deletion accepted on {at} UTC"

    # What stops a run, or makes a deletion wait for a person.
    PROJECT_NOT_NAMED = (
        "project_not_named",
        "D2",
        "the policy document does not name project {project}",
    )
    HOLDS_UNREADABLE = "holds_unreadable", "D2", "the holds could not be read"
    RESTORES_UNREADABLE = "restores_unreadable", "D2", "the restore jobs could not be read"
    LIMIT_PER_RUN = (
        "limit_per_run",
        "D2",
        "{count:deletion} in one run, where the limits allow {allowed}",
    )
    LIMIT_PER_INDEX = (
        "limit_per_index",
        "D2",
        "{count:deletion} in one index, where the limits allow {allowed}",
    )
    LISTING_LACKS = (
        "listing_lacks",
        "D2",
        "the listing lacks backups of the index that exist, as far as is known: {count}",
    )
    POLICY_CHANGED = (
        "policy_changed",
        "D3",
        "only a changed policy or assignment deletes it; before: {before}",
    )
    CHANGE_DELETES = (
        "change_deletes",
        "D3",
        "a changed policy or assignment deletes {count:backup} that would have stayed",
    )
    LAST_OF_DELETED = "last_of_deleted", "D7", "the last backup of a deleted index"
    APPROVAL_MODE = "approval_mode", "D4", "this deployment deletes nothing without approval"
    DRY_RUN = "dry_run", "D2", "this deployment deletes nothing (PruneMode is dry_run)"
    LIMIT_BY_PEOPLE = (
        "limit_by_people",
        "D2",
        "{count:deletion} by people within 24 hours {where}, where the limits allow {allowed}",
    )

    # How a deletion came about that no policy asked for.
    ASKED_FOR = "asked_for", "D1", "asked for by {actor}: {reason}"
    OVERRULED = "overruled", "D1", "overruling {safeguards}"
    DELETED_OUTSIDE = "deleted_outside", "N2", "deleted outside this deployment"

    # What a verdict goes by (G1, G2).
    COUNT_UNKNOWN = "count_unknown", "G1", "Pinecone gives no record count"
    EMPTY = "empty", "G2", "empty"
    EMPTY_AS_INDEX = "empty_as_index", "G2", "empty, as the index itself is"
    SHRUNK = "shrunk", "G1", "{records} records, after {reference} in the newest older good backup"
    RECORDS = "records", "G1", "{records} records"


PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")
"""The values of the parameter ``period``, the finest first."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that a rule found.

    Attributes:
        parameters: The figures and names of the text; ``oldest`` says that a count of the
            retention kept the oldest candidate (rule K5).
    """

    kind: ReasonKind
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: ReasonKind, **parameters: Parameter) -> Reason:
        """A reason with its parameters."""
        return cls(kind, parameters)

    def __hash__(self) -> int:
        """Reasons with the same kind and parameters are the same."""
        return hash((self.kind, *sorted(self.parameters.items())))

    @property
    def rule(self) -> str:
        """The number of the rule in docs/rules.md."""
        return "K5" if self.parameters.get("oldest") else self.kind.rule

    @property
    def period(self) -> str:
        """The period of the retention that keeps the backup, or empty."""
        return str(self.parameters.get("period", ""))

    @property
    def text(self) -> str:
        """The reason as people read it."""
        figures = {
            name: f"{value:,}" if name in ("records", "reference") else _figure(value)
            for name, value in self.parameters.items()
        }
        text = self.kind.template.format_map(figures)
        return f"oldest {text}" if self.parameters.get("oldest") else text

    def __str__(self) -> str:
        """The reason as people read it."""
        return self.text


class _Count(int):
    """An integer that templates write with its noun: ``{count:backup}`` is ``1 backup``."""

    def __format__(self, noun: str) -> str:
        return many(int(self), noun) if noun else str(int(self))


def _figure(value: Parameter) -> Parameter:
    return _Count(value) if type(value) is int else value


def sentence(reasons: Iterable[Reason]) -> str:
    """Several reasons in one line."""
    return ", ".join(map(str, reasons))
