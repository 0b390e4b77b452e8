"""The policy document: projects, policies, assignments, and what they mean for an index.

One JSON document says what is to be protected and how. It is validated as a whole: a document
with any error is worth nothing, and ``PolicyInvalid`` lists every error at once.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.rules.duration import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping

POLICY_TAG = "backup-policy"
"""The index tag that names a policy and wins over every assignment."""
OPT_OUT = "none"
"""The tag's value that opts an index out; the audit says so."""

_ELAPSED = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?")


def _calendar_duration(value: object) -> object:
    return Duration.parse(value) if isinstance(value, str) else value


def _elapsed(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _ELAPSED.fullmatch(value)
    days, hours, minutes = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    if not (days or hours or minutes):
        raise ValueError(f"{value!r} is not a time span like 26h, 7d or 1d12h30m")
    return timedelta(days=days, hours=hours, minutes=minutes)


def _elapsed_text(value: timedelta) -> str:
    hours, minutes = divmod(int(value.total_seconds()) // 60, 60)
    days, hours = divmod(hours, 24)
    parts = zip((days, hours, minutes), "dhm", strict=True)
    return "".join(f"{count}{unit}" for count, unit in parts if count)


CalendarDuration = Annotated[
    Duration,
    BeforeValidator(_calendar_duration),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+y)?(\d+m)?(\d+d)?(\d+h)?$"}),
]
"""Calendar duration: ``1y2m3d4h`` (``m`` is months)."""

Elapsed = Annotated[
    timedelta,
    BeforeValidator(_elapsed),
    PlainSerializer(_elapsed_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?$"}),
]
"""Elapsed time: ``1d12h30m`` (``m`` is minutes)."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
KeepCount = Annotated[int, Field(ge=-1)]
Percent = Annotated[int, Field(ge=0, le=100)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Project(_Part):
    """One Pinecone project, that is, one API key."""

    name: Name
    secret: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_+=.@-]{1,200}$")] = ""
    """The secret below ``<stack>/projects/``; by default the project's name."""
    quota: Annotated[int, Field(ge=1)] = 500
    """Backups the project may hold: 500 on Standard, 1,000 on Enterprise."""

    @property
    def secret_name(self) -> str:
        """The secret's name below ``<stack>/projects/``."""
        return self.secret or self.name


class KeepRetention(_Part):
    """restic's ``forget`` rules, ORed and overlapping (rules K1 to K6)."""

    keep_last: KeepCount = 0
    keep_hourly: KeepCount = 0
    keep_daily: KeepCount = 0
    keep_weekly: KeepCount = 0
    keep_monthly: KeepCount = 0
    keep_yearly: KeepCount = 0
    keep_within: CalendarDuration | None = None
    keep_within_hourly: CalendarDuration | None = None
    keep_within_daily: CalendarDuration | None = None
    keep_within_weekly: CalendarDuration | None = None
    keep_within_monthly: CalendarDuration | None = None
    keep_within_yearly: CalendarDuration | None = None

    @model_validator(mode="after")
    def _keeps_something(self) -> Self:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError("a retention that keeps nothing is invalid: give at least one rule")
        return self


class ExpiryRetention(_Part):
    """Age and count limits (rule K7)."""

    expire_after_days: Annotated[int, Field(ge=1)] | None = None
    min_count: Annotated[int, Field(ge=1)] = 1
    max_count: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.expire_after_days is None and self.max_count is None:
            raise ValueError("give expire_after_days or max_count")
        if self.max_count is not None and self.min_count > self.max_count:
            raise ValueError("min_count must not be above max_count")
        return self


class Frequency(StrEnum):
    """How often a native schedule runs; the service picks the hour."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class NativeScheduleWish(_Part):
    """A native schedule that the create run keeps as stated here."""

    frequency: Frequency
    expire_after_days: Annotated[int, Field(ge=1, le=365)]


class Policy(_Part):
    """How the indexes assigned to it are backed up, kept and watched."""

    name: Name
    cron: str | None = None
    """Five fields, in ``timezone``: the slots at which a backup is due (rule C1)."""
    native_schedule: NativeScheduleWish | None = None
    """Instead of ``cron``: let Pinecone's own scheduler create the backups."""
    timezone: str = "UTC"
    """An IANA name; slots and retention buckets are cut in it."""
    retention: KeepRetention | ExpiryRetention
    floor: Annotated[int, Field(ge=1)] = 2
    """The least number of good backups that is kept, whatever the retention says."""
    max_age: Elapsed
    """The audit complains when the newest good backup is older than this."""
    priority: int = 0
    """Higher goes first when the quota is short (rule C4)."""
    shrink_percent: Percent = 50
    """A backup with this much fewer records than the newest older good one is suspect (G1)."""
    stuck_after: Elapsed = timedelta(hours=12)
    failed_after: Elapsed = timedelta(days=7)
    """Failed backups may be deleted after this (rule G3)."""
    native_satisfies: bool = False
    """Whether a native schedule's backup satisfies a slot of ours (rule G5)."""

    @model_validator(mode="after")
    def _schedulable(self) -> Self:
        if (self.cron is None) == (self.native_schedule is None):
            raise ValueError("give exactly one of cron and native_schedule")
        if self.timezone not in available_timezones():
            raise ValueError(f"timezone {self.timezone!r} is not an IANA time zone name")
        if self.cron is not None:
            if len(self.cron.split()) != 5:  # noqa: PLR2004 - a sixth field would be seconds
                raise ValueError(f"cron {self.cron!r} has not five fields")
            try:
                CronSim(self.cron, datetime(2026, 1, 1, tzinfo=self.zone))
            except CronSimError as error:
                raise ValueError(f"cron {self.cron!r}: {error}") from None
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The policy's time zone."""
        return ZoneInfo(self.timezone)


class Assignment(_Part):
    """Which indexes get a policy: all conditions given must hold."""

    policy: Name
    """A policy's name, or ``none`` to opt out."""
    project: Name | None = None
    index: str | None = None
    """A glob over the index name, as in ``prod-*``."""
    tags: dict[str, str] = {}
    """Index tags that must all be present; values are globs."""

    def matches(self, project: str, index: str, tags: Mapping[str, str]) -> bool:
        """Whether this assignment speaks of the index."""
        return (
            self.project in (None, project)
            and (self.index is None or fnmatchcase(index, self.index))
            and all(key in tags and fnmatchcase(tags[key], glob) for key, glob in self.tags.items())
        )


class Orphans(_Part):
    """What happens to backups whose index was deleted (rule D7)."""

    after: Annotated[int, Field(ge=30)] | None = None
    """Days after the index's deletion; None keeps orphans for ever."""


class Limit(_Part):
    """The most that may be deleted: both figures bind (rule D2)."""

    count: Annotated[int, Field(ge=1)]
    percent: Annotated[int, Field(ge=1, le=100)]


class Limits(_Part):
    """Blast-radius limits of one prune run, against our Ready backups (rule D2)."""

    per_run: Limit = Limit(count=100, percent=30)
    """Tripped: the run stops and its plan waits for approval."""
    per_index: Limit = Limit(count=30, percent=50)
    """Tripped: the index is frozen and its plan waits; one deletion is always allowed."""


class PolicyDocument(_Part):
    """The whole document."""

    version: Literal[1] = 1
    projects: Annotated[list[Project], Field(min_length=1)]
    policies: list[Policy] = []
    assignments: list[Assignment] = []
    """The first match wins; the index tag ``backup-policy`` wins over all of them."""
    orphans: Orphans = Orphans()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [
            *_repeated("project", [project.name for project in self.projects]),
            *_repeated("policy", [policy.name for policy in self.policies]),
        ]
        known = {policy.name for policy in self.policies}
        if OPT_OUT in known:
            problems.append(f"a policy cannot be named {OPT_OUT!r}: that name opts an index out")
        projects = {project.name for project in self.projects}
        for number, assignment in enumerate(self.assignments):
            if assignment.policy not in known | {OPT_OUT}:
                problems.append(f"assignments.{number}: there is no policy {assignment.policy!r}")
            if assignment.project is not None and assignment.project not in projects:
                problems.append(f"assignments.{number}: there is no project {assignment.project!r}")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def project(self, name: str) -> Project | None:
        """The project of that name."""
        return next((project for project in self.projects if project.name == name), None)

    def policy(self, name: str) -> Policy | None:
        """The policy of that name."""
        return next((policy for policy in self.policies if policy.name == name), None)

    def assigned(self, project: str, index: str, tags: Mapping[str, str]) -> Assigned:
        """Which policy the index has, and by what (rule I3)."""
        tag = tags.get(POLICY_TAG)
        if tag is not None:
            if tag == OPT_OUT:
                return Assigned(None, AssignedBy.OPT_OUT)
            policy = self.policy(tag)
            return Assigned(policy, AssignedBy.TAG if policy else AssignedBy.UNKNOWN_TAG)
        for assignment in self.assignments:
            if assignment.matches(project, index, tags):
                if assignment.policy == OPT_OUT:
                    return Assigned(None, AssignedBy.OPT_OUT)
                return Assigned(self.policy(assignment.policy), AssignedBy.ASSIGNMENT)
        return Assigned(None, AssignedBy.NOTHING)


class AssignedBy(StrEnum):
    """How an index came to its policy, or to none."""

    TAG = "tag"
    ASSIGNMENT = "assignment"
    OPT_OUT = "opt-out"
    UNKNOWN_TAG = "unknown tag"
    NOTHING = "nothing"


class Assigned:
    """The policy of an index (None: nothing is created or deleted) and how it came to it."""

    __slots__ = ("by", "policy")

    def __init__(self, policy: Policy | None, by: AssignedBy) -> None:
        self.policy = policy
        self.by = by


def parse_policy(document: str | bytes, *, version: str = "") -> PolicyDocument:
    """Read and validate a policy document.

    Raises:
        PolicyInvalid: With every error found, as (path, reason).
    """
    try:
        return PolicyDocument.model_validate_json(document)
    except ValidationError as error:
        raise PolicyInvalid(_listed(error), version=version) from None


def validate_policy(document: Mapping[str, Any]) -> PolicyDocument:
    """Like ``parse_policy``, from JSON that was read already."""
    try:
        return PolicyDocument.model_validate(document)
    except ValidationError as error:
        raise PolicyInvalid(_listed(error)) from None


def _listed(error: ValidationError) -> list[tuple[str, str]]:
    return [
        (".".join(str(part) for part in item["loc"]), item["msg"].removeprefix("Value error, "))
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _repeated(what: str, names: list[str]) -> list[str]:
    return [
        f"{what} name {name!r} is given {names.count(name)} times"
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
