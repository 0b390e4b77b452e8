"""How every page is made: one template each, one style, one script, nothing from outside.

Everything that comes from outside is escaped by the template engine. The one script, ``page.js``,
finds and filters; the page's own policy allows that script by its digest and nothing else, and
every page can be read without it.
"""

from __future__ import annotations

import shlex
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from importlib import resources
from zoneinfo import ZoneInfo

from jinja2 import Environment, FunctionLoader, StrictUndefined

from pinecone_backup.figures import many, size, span
from pinecone_backup.model import Severity
from pinecone_backup.records import PlanState
from pinecone_backup.report.groups import who
from pinecone_backup.report.model import Health
from pinecone_backup.rules.audit_facts import Protection

TONES = {
    Health.HEALTHY: "good",
    Health.ATTENTION: "warn",
    Health.FAILING: "bad",
    Health.UNKNOWN: "warn",
    Protection.PROTECTED: "good",
    Protection.WAITING: "info",
    Protection.OVERDUE: "bad",
    Protection.UNPROTECTED: "warn",
    Protection.OPTED_OUT: "calm",
    Protection.UNSUPPORTED: "calm",
    Protection.NOT_READY: "bad",
    Protection.UNKNOWN: "warn",
    Severity.CRITICAL: "bad",
    Severity.ERROR: "bad",
    Severity.WARNING: "warn",
    Severity.INFO: "info",
    PlanState.PLANNED: "info",
    PlanState.AWAITING_APPROVAL: "warn",
    PlanState.APPROVED: "good",
    PlanState.EXECUTED: "calm",
    PlanState.EXPIRED: "calm",
}
"""Which colours go with a word. Colour only repeats what the word says."""
ICONS = {
    Health.HEALTHY: "✓",
    Health.ATTENTION: "!",
    Health.FAILING: "✕",
    Health.UNKNOWN: "?",
}


@dataclass(frozen=True, slots=True)
class Deployment:
    """Which deployment a command is for.

    Attributes:
        region: Its AWS region; empty where it is not known.
    """

    stack: str
    region: str

    def command(self, words: str, project: str) -> str:
        """A command line for this deployment, ready to be pasted into a shell."""
        given = {"--stack": self.stack, "--region": self.region, "--project": project}
        options = [f"{name} {shlex.quote(value)}" for name, value in given.items() if value]
        return " ".join(["pinecone-backup", words, *options])


def render(template: str, **values: object) -> str:
    """A page from its template in this folder."""
    script = _asset("page.js")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    page = _environment().get_template(template)
    return page.render(script=script, script_digest=digest, **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_asset),
    )
    environment.filters.update(
        bytes=size,
        count=_count,
        day=day,
        iso=_iso,
        many=many,
        percent=_percent,
        span=seconds,
        time=time,
        tone=TONES.__getitem__,
        who=who,
    )
    return environment


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def seconds(number: float) -> str:
    """So many seconds in words."""
    return span(timedelta(seconds=number))


def time(at: datetime, zone: str = "UTC") -> str:
    """``3 Nov 2026, 10:00 UTC``."""
    local = at.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))
    return f"{local.day} {local:%b %Y, %H:%M} {zone}"


def day(at: datetime) -> str:
    """``3 Nov 2026``."""
    return f"{at.day} {at:%b %Y}"


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def _percent(share: float) -> str:
    return f"{share:.0f} %" if share >= 1 or not share else "less than 1 %"


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"
