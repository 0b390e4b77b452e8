"""The policy document: projects, policies, assignments, and what they mean for an index.

One JSON document says what is to be protected and how. It is validated as a whole: a document
with any error is worth nothing, and ``PolicyInvalid`` lists every error at once.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    Tag,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.model import Depth
from pinecone_backup.rules.duration import Duration
from pinecone_backup.rules.slots import checked_cron

POLICY_TAG = "backup-policy"
"""The index tag that names a policy and wins over every assignment."""
OPT_OUT = "none"
"""The tag's value that opts an index out; the audit says so."""

CENTURY = timedelta(days=36_525)
"""The longest time that a document may name; beyond it lie the ends of the calendar."""
MOST = 10_000
"""The most that may be counted of anything: twenty times the quota of a Standard project."""
MOST_PARTS = 1_000
"""The most projects or assignments that one document may have."""
MOST_POLICIES = 100
"""The most policies that one document may have; each is worked out by itself."""
MOST_BYTES = 10**15
"""The most bytes that may be named: a petabyte."""

_NAME = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
_KEY_PLACE = r"^[A-Za-z0-9/_+=.@-]{0,200}$"
_GLOB = r"^[ -~]{0,200}$"
_TAG = r"^[A-Za-z0-9_-]{1,80}$"
_PATTERNS = {
    _NAME: "must be 1 to 40 lower-case letters, digits and hyphens, the first and the last of "
    "them no hyphen",
    _KEY_PLACE: "must be at most 200 letters, digits and /_+=.@-",
    _GLOB: "must be at most 200 printable ASCII characters",
    _TAG: "must be 1 to 80 letters, digits, hyphens and underscores",
}
"""What the patterns of texts ask for, in words."""

_HOUR = timedelta(hours=1)
_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_ELAPSED = re.compile(r"(?:([0-9]{1,8})d)?(?:([0-9]{1,8})h)?(?:([0-9]{1,8})m)?")


def _calendar_duration(value: object) -> object:
    return Duration.parse(str(value))


def _a_century_at_most(value: Duration) -> Duration:
    days = (value.years + value.months / 12) * 365.25 + value.days + value.hours / 24
    if days > CENTURY.days:
        raise ValueError(f"{str(value)!r} is more than a century")
    return value


def _elapsed(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = _ELAPSED.fullmatch(value) if isinstance(value, str) else None
    days, hours, minutes = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    if not (days or hours or minutes):
        raise ValueError(f"{value!r} is not a time span like 26h, 7d or 1d12h30m")
    return timedelta(days=days, hours=hours, minutes=minutes)


def _a_minute_to_a_century(value: timedelta) -> timedelta:
    if not timedelta(minutes=1) <= value <= CENTURY:
        raise ValueError(f"{_elapsed_text(value)!r} is not between a minute and a century")
    return value


def read_day(text: str) -> date:
    """Read a day like 2026-12-01.

    Raises:
        ValueError: It is not such a day, or in another century.
    """
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"{text!r} is not a day of this century like 2026-12-01")


def _day(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return read_day(str(value))


def _elapsed_text(value: timedelta) -> str:
    hours, minutes = divmod(value // timedelta(minutes=1), 60)
    days, hours = divmod(hours, 24)
    parts = zip((days, hours, minutes), "dhm", strict=True)
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def _interval(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and len(value.split()) > 1:
        return checked_cron(value)
    try:
        interval = _elapsed(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is neither a time span like 7d nor a cron expression like '0 3 * * SUN'"
        ) from None
    if isinstance(interval, timedelta) and not _HOUR <= interval <= CENTURY:
        raise ValueError(f"{value!r} is not between an hour and a century")
    return interval


def _interval_text(value: timedelta | str) -> str:
    return value if isinstance(value, str) else _elapsed_text(value)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime"})  # a machine's zone has no IANA name


def _time_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError(f"{name!r} is not an IANA time zone name")
    return name


CalendarDuration = Annotated[
    Duration,
    BeforeValidator(_calendar_duration),
    AfterValidator(_a_century_at_most),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([0-9]{1,9}[ymdh])+$"}),
]
"""Calendar duration: ``1y2m3d4h`` (``m`` is months), a century at most."""

Elapsed = Annotated[
    timedelta,
    BeforeValidator(_elapsed),
    AfterValidator(_a_minute_to_a_century),
    PlainSerializer(_elapsed_text, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 2,
            "pattern": "^([0-9]{1,8}d)?([0-9]{1,8}h)?([0-9]{1,8}m)?$",
        }
    ),
]
"""Elapsed time: ``1d12h30m`` (``m`` is minutes), a century at most."""

Interval = Annotated[
    timedelta | str,
    BeforeValidator(_interval),
    PlainSerializer(_interval_text, return_type=str),
    WithJsonSchema({"type": "string", "minLength": 2, "maxLength": 200}),
]
"""How often: a time span of an hour at least, or the text of a cron expression."""

Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": f"^{_DAY.pattern}$"}),
]
"""A day of the calendar: ``2026-12-01``. It begins at midnight in the policy's zone."""

Name = Annotated[str, Field(pattern=_NAME)]
Glob = Annotated[str, Field(pattern=_GLOB)]
TagKey = Annotated[str, Field(pattern=_TAG)]
Cron = Annotated[str, AfterValidator(checked_cron)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
KeepCount = Annotated[int, Field(ge=-1, le=MOST)]
Count = Annotated[int, Field(ge=1, le=MOST)]
Percent = Annotated[int, Field(ge=0, le=100)]


type Problem = tuple[tuple[int | str, ...], str]
"""Where in the object, and what is wrong there."""


class _Part(BaseModel):
    """One object of the document; every error in it is reported, not only the first."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong between the fields as they were given, whether each is valid or not."""
        del given
        return ()

    @classmethod
    def unknown_key(cls, key: str) -> str:
        """What is said of a key that this object does not have."""
        return f"is not known here{_or_meant(key, cls.model_fields)}"

    @model_validator(mode="wrap")
    @classmethod
    def _all_errors_at_once(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        problems = cls.contradictions(given) if isinstance(given, Mapping) else ()
        lines = [_line(path, problem) for path, problem in problems]
        try:
            part = handler(given)
        except ValidationError as error:
            lines = [*(_line(item["loc"], cls._in_words(item)) for item in error.errors()), *lines]
        else:
            if not lines:
                return part
        raise ValidationError.from_exception_data(cls.__name__, lines)

    @classmethod
    def _in_words(cls, item: ErrorDetails) -> str:
        path = item["loc"]
        if item["type"] == "extra_forbidden" and len(path) == 1:
            return cls.unknown_key(str(path[0]))
        said = _SAID.get(item["type"])
        return said(item.get("ctx", {})) if said else item["msg"]


_SAID: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "is missing",
    "int_type": lambda _: "must be a whole number",
    "bool_type": lambda _: "must be true or false",
    "string_type": lambda _: "must be a text",
    "string_pattern_mismatch": lambda given: _PATTERNS[given["pattern"]],
    "string_unicode": lambda _: "must be Unicode text",
    "list_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be an object",
    "model_type": lambda _: "must be an object",
    "enum": lambda given: f"must be {given['expected']}",
    "literal_error": lambda given: f"must be {given['expected']}",
    "greater_than_equal": lambda given: f"must be at least {given['ge']:,}",
    "less_than_equal": lambda given: f"must be at most {_most(given['le'])}",
    "too_short": lambda given: f"must have at least {given['min_length']:,} entry",
    "too_long": lambda given: f"must have at most {given['max_length']:,} entries",
}
"""What pydantic finds, in the words of somebody who writes a document."""


def _most(most: int) -> str:
    return f"{most:,} days, which is a century" if most == CENTURY.days else f"{most:,}"


def _or_meant(given: str, known: Iterable[str]) -> str:
    """What was probably meant, for the end of a sentence; empty when nothing is near."""
    near = get_close_matches(given[:100], sorted(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def _line(path: tuple[int | str, ...], problem: str) -> InitErrorDetails:
    text = problem.removeprefix("Value error, ")
    kind = PydanticCustomError("policy", "{problem}", {"problem": text})
    return InitErrorDetails(type=kind, loc=path, input=None)


class Project(_Part):
    """One Pinecone project, that is, one API key."""

    name: Name
    secret: Annotated[str, Field(pattern=_KEY_PLACE)] = ""
    """The secret below ``<stack>/projects/``; by default the project's name."""
    quota: Count = 500
    """Backups the project may hold: 500 on Standard, 1,000 on Enterprise."""

    @property
    def secret_name(self) -> str:
        """The secret's name below ``<stack>/projects/``."""
        return self.secret or self.name


_TWO_FORMS = (
    "a retention has one of two forms: keep rules (keep_last, keep_daily, keep_within ...), or "
    "expire_after_days with min_count and max_count"
)


class _Retention(_Part):
    """What the two forms have in common: each knows the keys of the other."""

    @classmethod
    def unknown_key(cls, key: str) -> str:
        """A key of the other form is no typing error but a misunderstanding."""
        if key in _RETENTION_KEYS:
            return f"does not go with the rest: {_TWO_FORMS}"
        return f"is not known here{_or_meant(key, _RETENTION_KEYS) or f': {_TWO_FORMS}'}"

    @classmethod
    def _in_words(cls, item: ErrorDetails) -> str:
        if item["type"] == "model_type":
            return f"must be an object: {_TWO_FORMS}"
        return super()._in_words(item)


class KeepRetention(_Retention):
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

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterable[Problem]:
        """A retention must keep something (rule K6)."""
        if not any(given.values()):
            yield (), "a retention that keeps nothing is invalid: give at least one rule"


class ExpiryRetention(_Retention):
    """Age and count limits (rule K7)."""

    expire_after_days: Annotated[int, Field(ge=1, le=CENTURY.days)] | None = None
    min_count: Count = 1
    max_count: Count | None = None

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterable[Problem]:
        """It must limit something, and its limits must agree."""
        least, most = given.get("min_count"), given.get("max_count")
        if given.get("expire_after_days") is None and most is None:
            yield (), f"limits nothing: {_TWO_FORMS}"
        if isinstance(least, int) and isinstance(most, int) and least > most:
            yield (), "min_count must not be above max_count"


def _retention_form(given: object) -> str:
    """Which form a retention is meant to have, so that errors speak of that form alone."""
    if isinstance(given, ExpiryRetention):
        return _EXPIRY
    keys = given if isinstance(given, Mapping) else ["keep_last"]
    meant = (get_close_matches(str(key)[:100], _RETENTION_KEYS, n=1) or [str(key)] for key in keys)
    return _KEEP if any(key[0].startswith("keep_") for key in meant) else _EXPIRY


_RETENTION_KEYS = sorted({*KeepRetention.model_fields, *ExpiryRetention.model_fields})
_KEEP, _EXPIRY = "retention:keep", "retention:expiry"

Retention = Annotated[
    Annotated[KeepRetention, Tag(_KEEP)] | Annotated[ExpiryRetention, Tag(_EXPIRY)],
    Discriminator(_retention_form),
]


class Frequency(StrEnum):
    """How often a native schedule runs; the service picks the hour."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class NativeScheduleRequest(_Part):
    """A native schedule that the create run keeps as stated here."""

    frequency: Annotated[Frequency, Field(strict=False)]
    expire_after_days: Annotated[int, Field(ge=1, le=365)]


class BackupChoice(StrEnum):
    """Which backup of an index a restore test takes."""

    LATEST = "latest"
    """The newest good one."""
    RANDOM = "random"
    """Any good one that is not too old, a different one each time."""


class RestoreTest(_Part):
    """How the backups of a policy are proven to come back."""

    every: Interval
    """A time span, ``7d``, or five fields of cron in the policy's ``timezone``."""
    backup: Annotated[BackupChoice, Field(strict=False)] = BackupChoice.LATEST
    window_days: Annotated[int, Field(ge=1, le=CENTURY.days)] | None = None
    """How old a backup may be that is taken at random; None: any age."""
    depth: Annotated[Depth, Field(strict=False)] = Depth.SAMPLE
    timeout: Elapsed = timedelta(days=1)
    """A test that takes longer has timed out."""
    at_once: Count = 1
    """Tests that may run at a time in a project: the least of its policies holds for all."""
    monthly_bytes: Annotated[int, Field(ge=1, le=MOST_BYTES)] = 100 * 10**9
    """Bytes that tests may restore in a project in a month of UTC: again the least holds."""
    keep_index_for: Elapsed | None = None
    """How long a restored index stays after its verdict; by default it is deleted at once."""

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterable[Problem]:
        """Only a choice at random has a window."""
        if given.get("window_days") is not None and given.get("backup") != BackupChoice.RANDOM:
            yield ("window_days",), "goes with the backup 'random' only"


@dataclass(frozen=True, slots=True)
class RestoreTestLimits:
    """What restore tests may use in one project, whichever policy they belong to."""

    at_once: int
    monthly_bytes: int


def restore_test_limits(policies: Iterable[Policy]) -> RestoreTestLimits | None:
    """The least of what the policies of a project's indexes allow; None where none has tests."""
    tests = [policy.restore_test for policy in policies if policy.restore_test is not None]
    if not tests:
        return None
    return RestoreTestLimits(
        min(test.at_once for test in tests), min(test.monthly_bytes for test in tests)
    )


class Policy(_Part):
    """How the indexes assigned to it are backed up, kept and watched."""

    name: Name
    cron: Cron | None = None
    """Five fields, in ``timezone``: the slots at which a backup is due (rule C1)."""
    native_schedule: NativeScheduleRequest | None = None
    """Instead of ``cron``: let Pinecone's own scheduler create the backups."""
    timezone: TimeZone = "UTC"
    """An IANA name; slots and retention buckets are cut in it."""
    retention: Retention
    floor: Count = 2
    """The least number of good backups that is kept, whatever the retention says."""
    max_age: Elapsed
    """The audit complains when the newest good backup is older than this."""
    priority: Annotated[int, Field(ge=-MOST, le=MOST)] = 0
    """Higher goes first when the quota is short (rule C4)."""
    shrink_percent: Percent = 50
    """A backup with this much fewer records than the newest older good one is suspect (G1)."""
    stuck_after: Elapsed = timedelta(hours=12)
    failed_after: Elapsed = timedelta(days=7)
    """Failed backups may be deleted after this (rule G3)."""
    native_satisfies: bool = False
    """Whether a native schedule's backup satisfies a slot of ours (rule G5)."""
    paused_until: Day | None = None
    """Until this day begins, nothing is created and nothing is deleted (rule C6)."""
    restore_test: RestoreTest | None = None
    """How restores are tested; by default they are not."""

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterable[Problem]:
        """A policy has one way to get its backups."""
        if (given.get("cron") is None) == (given.get("native_schedule") is None):
            yield (), "give exactly one of cron and native_schedule"

    @property
    def zone(self) -> ZoneInfo:
        """The policy's time zone."""
        return ZoneInfo(self.timezone)


class Assignment(_Part):
    """Which indexes get a policy: all conditions given must hold."""

    policy: Name
    """A policy's name, or ``none`` to opt out."""
    project: Name | None = None
    index: Glob | None = None
    """A glob over the index name, as in ``prod-*``."""
    tags: Annotated[dict[TagKey, Glob], Field(max_length=20)] = {}
    """Index tags that must all be present; values are globs."""
    paused_until: Day | None = None
    """The same for the indexes that have their policy by this assignment (rule C6)."""

    def matches(self, project: str, index: str, tags: Mapping[str, str]) -> bool:
        """Whether this assignment speaks of the index."""
        return (
            self.project in (None, project)
            and (self.index is None or fnmatchcase(index, self.index))
            and all(key in tags and fnmatchcase(tags[key], glob) for key, glob in self.tags.items())
        )


class Orphans(_Part):
    """What happens to backups whose index was deleted (rule D7)."""

    after: Annotated[int, Field(ge=30, le=CENTURY.days)] | None = None
    """Days after the index's deletion; None keeps orphans for ever."""


class Limit(_Part):
    """The most that may be deleted: both figures bind (rule D2)."""

    count: Count
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
    projects: Annotated[list[Project], Field(min_length=1, max_length=MOST_PARTS)]
    policies: Annotated[list[Policy], Field(max_length=MOST_POLICIES)] = []
    assignments: Annotated[list[Assignment], Field(max_length=MOST_PARTS)] = []
    """The first match wins; the index tag ``backup-policy`` wins over all of them."""
    orphans: Orphans = Orphans()
    limits: Limits = Limits()

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterable[Problem]:
        """Names must be unique, and what refers to a name must find it."""
        for field in ("projects", "policies"):
            names = _named(given, field, "name")
            for name, times in Counter(name for _, name in names).items():
                if times > 1:
                    last = max(number for number, each in names if each == name)
                    yield (field, last, "name"), f"the name {name!r} is given {times} times"
        for number, name in _named(given, "policies", "name"):
            if name == OPT_OUT:
                yield (
                    ("policies", number, "name"),
                    f"a policy cannot be named {OPT_OUT!r}: that name opts an index out",
                )
        for field, many in (("policy", "policies"), ("project", "projects")):
            known = {name for _, name in _named(given, many, "name")}
            allowed = known | {OPT_OUT} if field == "policy" else known
            for number, name in _named(given, "assignments", field):
                if name not in allowed:
                    problem = f"there is no {field} {name!r}{_or_meant(name, known)}"
                    yield ("assignments", number, field), problem

    def project(self, name: str) -> Project | None:
        """The project of that name; None where the document has none."""
        return next((project for project in self.projects if project.name == name), None)

    def policy(self, name: str) -> Policy | None:
        """The policy of that name; None where the document has none."""
        return next((policy for policy in self.policies if policy.name == name), None)

    def assigned(self, project: str, index: str, tags: Mapping[str, str]) -> Assigned:
        """Which policy the index has, and by what (rule I3)."""
        return _assigned(_This(self), project, index, frozenset(tags.items()))


class AssignedBy(StrEnum):
    """How an index came to its policy, or to none."""

    TAG = "tag"
    ASSIGNMENT = "assignment"
    OPT_OUT = "opt-out"
    UNKNOWN_TAG = "unknown_tag"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Assigned:
    """The policy of an index (None: nothing is created or deleted) and how it came to it.

    Attributes:
        paused_until: What the assignment says of that; ``rules.pauses`` says what comes of it.
    """

    policy: Policy | None
    by: AssignedBy
    paused_until: date | None = None


class _This:
    """A document as a key: itself, and not an equal one, since what it consists of has no hash."""

    def __init__(self, document: PolicyDocument) -> None:
        """Stand for the document."""
        self.document = document

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _This) and self.document is other.document

    def __hash__(self) -> int:
        return id(self.document)


@lru_cache(maxsize=4096)
def _assigned(
    this: _This, project: str, index: str, tagged: frozenset[tuple[str, str]]
) -> Assigned:
    """Worked out once: a preview asks hundreds of times, of up to a thousand assignments."""
    document, tags = this.document, dict(tagged)
    tag = tags.get(POLICY_TAG)
    if tag is not None:
        if tag == OPT_OUT:
            return Assigned(None, AssignedBy.OPT_OUT)
        policy = document.policy(tag)
        return Assigned(policy, AssignedBy.TAG if policy else AssignedBy.UNKNOWN_TAG)
    for assignment in document.assignments:
        if assignment.matches(project, index, tags):
            if assignment.policy == OPT_OUT:
                return Assigned(None, AssignedBy.OPT_OUT)
            policy = document.policy(assignment.policy)
            return Assigned(policy, AssignedBy.ASSIGNMENT, assignment.paused_until)
    return Assigned(None, AssignedBy.NOTHING)


def parse_policy(document: str | bytes, *, policy_version: str = "") -> PolicyDocument:
    """Read and validate a policy document.

    Args:
        document: JSON; bytes in UTF-8.
        policy_version: The document's version, for the error's text.

    Raises:
        PolicyInvalid: With every error found, as (path, reason).
    """
    try:
        given = json.loads(document, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        raise PolicyInvalid(
            [("", f"is not JSON: {error}")], policy_version=policy_version
        ) from None
    return validate_policy(given, policy_version=policy_version)


def validate_policy(document: Mapping[str, Any], *, policy_version: str = "") -> PolicyDocument:
    """Like ``parse_policy``, from JSON that was read already."""
    try:
        return PolicyDocument.model_validate(document)
    except ValidationError as error:
        raise PolicyInvalid(_listed(error), policy_version=policy_version) from None


def _listed(error: ValidationError) -> list[tuple[str, str]]:
    return [
        (".".join(str(part) for part in item["loc"] if part not in {_KEEP, _EXPIRY}), item["msg"])
        for item in error.errors()
    ]


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON lets the last of two equal keys win: half a policy would vanish unseen."""
    for key, times in Counter(key for key, _ in pairs).items():
        if times > 1:
            raise ValueError(f"the key {key!r} is given {times} times in one object")
    return dict(pairs)


def _named(given: Mapping[str, Any], field: str, key: str) -> list[tuple[int, str]]:
    """The names in a list of the document, with their places, as far as it can be read."""
    parts = given.get(field)
    found = (
        (number, part.get(key) if isinstance(part, Mapping) else getattr(part, key, None))
        for number, part in enumerate(parts if isinstance(parts, list) else [])
    )
    return [(number, name) for number, name in found if isinstance(name, str)]
