"""Where a message leads: pages of the API, the function's log, the runbook. Never a presigned link.

Pages and guides lie below the deployment's ``LinkBase``, logs in the console of its region; what
is not known has no link. Whoever follows a link signs in there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

LONGEST_LINK = 700
"""Characters; all links of a message, four at most, fit into one block of Slack's. A longer one
is left out."""
_PAGES = {
    "backup": ("Backup", "backups/{backup_id}"),
    "hold": ("Hold", "holds/{hold_id}"),
    "plan": ("Plan", "plans/{digest}/page"),
    "restore": ("Restore", "restores/{restore_id}"),
    "restore_test": ("Restore test", "restores/{restore_id}"),
    "run": ("Run", "runs/{run_id}"),
}
_REPORT = ("Report", "reports/latest/page")
_LOGS = {
    "backup.created": "create",
    "backup.failed": "create",
    "backup.suspect": "audit",
    "backup.deleted": "prune",
    "plan.awaiting": "prune",
    "restore.completed": "restore_test",
    "restore.failed": "restore_test",
    "restore.stalled": "restore_test",
    "restore_test.succeeded": "restore_test",
    "restore_test.failed": "restore_test",
    "restore_test.timed_out": "restore_test",
    "creation-failing": "create",
    "creation-refused": "create",
    "quota-reached": "create",
    "deletion-stuck": "prune",
    "plan-waiting": "prune",
    "prune-stopped": "prune",
    "restore-index-left": "restore_test",
    "restore-test-failed": "restore_test",
    "restore-test-overdue": "restore_test",
    "never-restore-tested": "restore_test",
}
"""Which function writes about an event type or a control; audit about other controls, and the API
about other types."""
_CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
_LOG_BEFORE_MS, _LOG_AFTER_MS = 15 * 60_000, 5 * 60_000
"""How much of the log a link shows before and after the event: one invocation, whole."""


@dataclass(frozen=True, slots=True)
class Link:
    """A web link and the one word that it is shown as."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Pages:
    """Where a deployment's pages and logs are.

    Attributes:
        base: ``LinkBase``: what people open in a browser; empty when there is no such place.
        region: The AWS region; empty when it is not known.
        logs: The log group of each function, by the function's name.
    """

    base: str = ""
    region: str = ""
    logs: Mapping[str, str] = field(default_factory=dict)

    def links(
        self, kind: str, project: str, data: Mapping[str, str], *, at: datetime, section: str
    ) -> Sequence[Link]:
        """The links of one event, the most useful first.

        Args:
            kind: The event's type.
            project: The event's project.
            data: The event's data, as text.
            at: When it happened, aware.
            section: The section of ``docs/findings.md``; empty when there is nothing to do.
        """
        return [
            link
            for link in (
                *self._pages(kind, project, data),
                *self._log(kind, data, at),
                *self._runbook(section),
            )
            if len(link.url) <= LONGEST_LINK
        ]

    def _pages(self, kind: str, project: str, data: Mapping[str, str]) -> Iterator[Link]:
        if not self.base:
            return
        named = dict(data)
        family = kind.partition(".")[0]
        if data.get("control") == "plan-waiting":
            family = "plan"
        for label, route in (*([_PAGES[family]] if family in _PAGES else []), _REPORT):
            key = route.partition("{")[2].partition("}")[0]
            if not key or named.get(key):
                path = route.replace(f"{{{key}}}", quote(named.get(key, ""), safe=""))
                yield Link(label, f"{self.base}/v1/projects/{quote(project, safe='')}/{path}")

    def _log(self, kind: str, data: Mapping[str, str], at: datetime) -> Iterator[Link]:
        function = _function(kind, data)
        if not self.region or function not in self.logs:
            return
        moment = int(at.timestamp() * 1000)
        group = _in_fragment(quote(self.logs[function], safe=""))
        span = _in_fragment(f"?start={moment - _LOG_BEFORE_MS}&end={moment + _LOG_AFTER_MS}")
        yield Link(
            "Log",
            f"https://{self.region}.{self._console}/cloudwatch/home?region={self.region}"
            f"#logsV2:log-groups/log-group/{group}/log-events{span}",
        )

    @property
    def _console(self) -> str:
        matching = (host for start, host in _CONSOLES.items() if self.region.startswith(start))
        return next(matching, "console.aws.amazon.com")

    def _runbook(self, section: str) -> Iterator[Link]:
        if self.base and section:
            yield Link("Runbook", f"{self.base}/docs/findings#{quote(section, safe='')}")


def _function(kind: str, data: Mapping[str, str]) -> str:
    """The function that saw what the event is about."""
    control = data.get("control", "")
    if kind.startswith("run."):
        return data.get("kind", "")
    if not kind.startswith("finding.") or kind == "finding.acknowledged":
        return _LOGS.get(kind, "api")
    if control in ("run-broken", "run-refused"):
        return data.get("subject", "").partition("/")[0]
    return _LOGS.get(control, "audit")


def _in_fragment(text: str) -> str:
    """As CloudWatch's console writes it after the ``#``: percent-encoded, with ``$`` for ``%``."""
    return quote(text, safe="").replace("%", "$")
