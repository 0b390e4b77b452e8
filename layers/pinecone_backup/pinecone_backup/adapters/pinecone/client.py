"""Our Pinecone client: one project's control plane, as ``ports.ControlPlane`` asks for it.

What a call may do when it fails is said in ``transport``; how answers are read, in ``payloads``.
"""

from __future__ import annotations

import logging
import re
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pinecone_backup.adapters.http import new_http_client
from pinecone_backup.adapters.pinecone import payloads
from pinecone_backup.adapters.pinecone.transport import Call, Caller, KeySource
from pinecone_backup.errors import (
    AnswerMalformed,
    ListingIncomplete,
    NotFound,
    OutcomeUnknown,
    PineconeError,
    RequestInvalid,
    SettingsInvalid,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import httpx

    from pinecone_backup.adapters.pinecone.data_plane import PineconeDataPlane
    from pinecone_backup.model import Backup, Index, NativeRun, NativeSchedule, RestoreJob
    from pinecone_backup.ports import Page

_LOG = logging.getLogger(__name__)

PAGE_LIMIT = 100
"""Rows asked for per page: the most that every API version allows."""
MOST_PAGES = 1_000
"""A listing with more pages than this never ends."""
LISTING_SECONDS = 60.0
"""Nor does one that takes longer; a project at Pinecone's maximum has eleven pages."""

_PINECONE_HOST = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+pinecone\.io")


class PineconeClient:
    """Implements ``ports.ControlPlane`` for one project; safe to share between threads.

    Beyond what the protocol says: when the key's secret cannot be read, the errors of
    ``SecretReader.read_text`` pass through. A first page that answers 404 raises ``NotFound``
    itself: the index, or the schedule, does not exist, and that is an answer.

    Args:
        key: The project's API key; it is sent to ``base_url`` and to its index hosts alone.
        base_url: Scheme and authority of the control plane.
        api_version: For everything but native schedules.
        schedules_api_version: For native schedules.
        http: Shared by several projects when given (``http.new_http_client``).
        call_seconds: The most that one call may take, its repetitions and waits included; or
            what tells it as each call begins.
        concurrency: The most calls at a time; one more waits until another has ended.
        clock: Seconds of a clock that never goes back.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        key: KeySource,
        *,
        base_url: str = "https://api.pinecone.io",
        api_version: str = "2026-07",
        schedules_api_version: str = "2026-07",
        http: httpx.Client | None = None,
        call_seconds: float | Callable[[], float] = 60.0,
        concurrency: int = 1,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._scheme, _, self._authority = self._base_url.partition("://")
        host = self._authority.lower().partition(":")[0]
        self._at_pinecone = _PINECONE_HOST.fullmatch(host) is not None
        if self._at_pinecone and self._scheme != "https":
            raise SettingsInvalid(
                "PINECONE_URL: the API key would go to Pinecone unencrypted",
                next_step="Use https, or deploy the template again.",
            )
        self.concurrency = concurrency
        self._clock = clock
        self._api_version = api_version
        self._schedules_version = schedules_api_version
        self._caller = Caller(
            key,
            http or new_http_client(),
            call_seconds=call_seconds,
            concurrency=concurrency,
            clock=clock,
            sleep=sleep,
        )

    # Indexes

    def list_indexes(self) -> Sequence[Index]:
        """Every index of the project; this listing has no pages."""
        return self._caller.ask(self._call("list_indexes", "", "GET", "/indexes"), payloads.indexes)

    def describe_index(self, name: str) -> Index:
        """One index."""
        call = self._call("describe_index", f"index {name!r}", "GET", f"/indexes/{_segment(name)}")
        found = self._caller.ask(call, payloads.index)
        _expect(call, name, found.name)
        return found

    def delete_index(self, name: str) -> None:
        """Ask for deletion; a try after a lost answer may raise ``NotFound``: it is done."""
        path = f"/indexes/{_segment(name)}"
        self._caller.send(self._call("delete_index", f"index {name!r}", "DELETE", path))

    def tag_index(self, name: str, tags: Mapping[str, str]) -> Index:
        """Merge tags into those of an index; asking twice is asking once."""
        path, body = f"/indexes/{_segment(name)}", {"tags": dict(tags)}
        call = self._call("configure_index", f"index {name!r}", "PATCH", path, body=body)
        found = self._caller.ask(call, payloads.index)
        _expect(call, name, found.name)
        return found

    def data_plane(self, index: Index) -> PineconeDataPlane:
        """The contents of an index, on its own host.

        Raises:
            AnswerMalformed: The API key must not go to the host that was answered.
        """
        base = self._data_host(index.host)
        if base is None:
            raise AnswerMalformed(
                f"The host of index {index.name!r} does not belong to the control plane, so that "
                "the API key is not sent there",
                next_step="See the index's host in the Pinecone console.",
                operation="data_plane",
            )
        from pinecone_backup.adapters.pinecone.data_plane import (  # noqa: PLC0415 - rarely needed
            PineconeDataPlane,
        )

        return PineconeDataPlane(self._caller, base, index.name, self._api_version)

    def index_record_count(self, index: Index) -> int | None:
        """The index's own record count; None, with a warning in the log, when not to be had."""
        try:
            return self.data_plane(index).statistics().records
        except PineconeError as error:
            _LOG.warning("No record count: %s", error, extra={"index": index.name})
            return None

    # Backups

    def project_backups(self) -> Iterator[Backup]:
        """Every backup of the project, those of deleted indexes included."""
        return self._walk("the project's backups", self.project_backups_page)

    def project_backups_page(self, *, limit: int, token: str | None) -> Page[Backup]:
        """One page; the token carries its own limit, so ``limit`` counts on the first page."""
        call = self._call(
            "list_project_backups", "", "GET", "/backups", query=_paging(limit, token)
        )
        return self._caller.ask(call, payloads.backups)

    def index_backups(self, name: str, *, include_deleted: bool = False) -> Iterator[Backup]:
        """The backups of the active index of that name, or of all that ever had it."""
        page_of = partial(self.index_backups_page, name, include_deleted=include_deleted)
        return self._walk(f"the backups of index {name!r}", page_of)

    def index_backups_page(
        self, name: str, *, limit: int, token: str | None, include_deleted: bool = False
    ) -> Page[Backup]:
        """One page; see ``project_backups_page`` about ``limit``."""
        query = _paging(limit, token)
        if include_deleted:
            query["include_deleted"] = "true"
        path = f"/indexes/{_segment(name)}/backups"
        call = self._call("list_index_backups", f"index {name!r}", "GET", path, query=query)
        page = self._caller.ask(call, payloads.backups)
        for backup in page.items:
            _expect(call, name, backup.index_name)
        return page

    def describe_backup(self, backup_id: str) -> Backup:
        """One backup."""
        path = f"/backups/{_segment(backup_id)}"
        call = self._call("describe_backup", f"backup {backup_id!r}", "GET", path)
        found = self._caller.ask(call, payloads.backup)
        _expect(call, backup_id, found.backup_id)
        return found

    def create_backup(self, index_name: str, *, name: str, description: str) -> Backup:
        """POST once, never blindly again; ``OutcomeUnknown`` when it may have happened (C3)."""
        call = self._call(
            "create_backup",
            f"index {index_name!r}",
            "POST",
            f"/indexes/{_segment(index_name)}/backups",
            body={"name": name, "description": description},
        )
        created = self._caller.ask(call, payloads.backup)
        if created.index_name != index_name:
            raise OutcomeUnknown(
                f"{call.text} was answered about index {created.index_name!r}",
                next_step="Nothing is repeated blindly: the next run checks first.",
                operation=call.operation,
            )
        return created

    def delete_backup(self, backup_id: str) -> None:
        """Ask for deletion; a try after a lost answer may raise ``NotFound``: it is done."""
        path = f"/backups/{_segment(backup_id)}"
        self._caller.send(self._call("delete_backup", f"backup {backup_id!r}", "DELETE", path))

    # Restores

    def restore(
        self,
        backup_id: str,
        *,
        name: str,
        tags: Mapping[str, str] | None = None,
        deletion_protection: bool = False,
        read_capacity: Mapping[str, Any] | None = None,
    ) -> RestoreJob:
        """Create an index from a backup: POST once, as ``create_backup`` does."""
        body: dict[str, Any] = {
            "name": name,
            "deletion_protection": "enabled" if deletion_protection else "disabled",
        }
        if tags is not None:
            body["tags"] = dict(tags)
        if read_capacity is not None:
            body["read_capacity"] = dict(read_capacity)
        path, subject = f"/backups/{_segment(backup_id)}/create-index", f"backup {backup_id!r}"
        call = self._call("create_index_from_backup", subject, "POST", path, body=body)
        return self._caller.ask(
            call, partial(payloads.restore_started, backup_id=backup_id, name=name)
        )

    def restore_jobs(self) -> Iterator[RestoreJob]:
        """The restore jobs that Pinecone lists; it leaves out some, and may repeat others."""
        return self._walk("the restore jobs", self.restore_jobs_page)

    def restore_jobs_page(self, *, limit: int, token: str | None) -> Page[RestoreJob]:
        """One page; see ``project_backups_page`` about ``limit``."""
        call = self._call(
            "list_restore_jobs", "", "GET", "/restore-jobs", query=_paging(limit, token)
        )
        return self._caller.ask(call, payloads.restore_jobs)

    def describe_restore_job(self, job_id: str) -> RestoreJob:
        """One restore job; Pinecone may answer 404 when its index is deleted, or in passing."""
        path = f"/restore-jobs/{_segment(job_id)}"
        call = self._call("describe_restore_job", f"restore job {job_id!r}", "GET", path)
        found = self._caller.ask(call, payloads.restore_job)
        _expect(call, job_id, found.job_id)
        return found

    # Native schedules

    def native_schedules(self, index_name: str) -> Iterator[NativeSchedule]:
        """An index's native schedules, the disabled ones included."""
        page_of = partial(self.native_schedules_page, index_name)
        return self._walk(f"the schedules of index {index_name!r}", page_of)

    def native_schedules_page(
        self, index_name: str, *, limit: int, token: str | None
    ) -> Page[NativeSchedule]:
        """One page; see ``project_backups_page`` about ``limit``."""
        call = self._call(
            "list_backup_schedules",
            f"index {index_name!r}",
            "GET",
            f"/indexes/{_segment(index_name)}/backup-schedules",
            query=_paging(limit, token),
            version=self._schedules_version,
        )
        return self._caller.ask(call, payloads.schedules)

    def create_native_schedule(
        self, index_name: str, *, name: str, frequency: str, expire_after_days: int
    ) -> NativeSchedule:
        """Create an enabled schedule: POST once, as ``create_backup`` does."""
        call = self._call(
            "create_backup_schedule",
            f"index {index_name!r}",
            "POST",
            f"/indexes/{_segment(index_name)}/backup-schedules",
            body={
                "name": name,
                "schedule": {"type": "time-based", "frequency": frequency},
                "retention": {"expire_after_days": expire_after_days},
            },
            version=self._schedules_version,
        )
        return self._caller.ask(call, payloads.schedule)

    def describe_native_schedule(self, schedule_id: str) -> NativeSchedule:
        """One native schedule."""
        call = self._schedule_call("describe_backup_schedule", "GET", schedule_id)
        found = self._caller.ask(call, payloads.schedule)
        _expect(call, schedule_id, found.schedule_id)
        return found

    def update_native_schedule(
        self,
        schedule_id: str,
        *,
        frequency: str | None = None,
        expire_after_days: int | None = None,
        enabled: bool | None = None,
    ) -> NativeSchedule:
        """Change what is given; what is None stays."""
        body: dict[str, Any] = {}
        if frequency is not None:
            body["frequency"] = frequency
        if expire_after_days is not None:
            body["retention"] = {"expire_after_days": expire_after_days}
        if enabled is not None:
            body["enabled"] = enabled
        call = self._schedule_call("update_backup_schedule", "PATCH", schedule_id, body)
        return self._caller.ask(call, payloads.schedule)

    def delete_native_schedule(self, schedule_id: str) -> None:
        """Delete a schedule; the backups it made stay. About ``NotFound`` see delete_backup."""
        self._caller.send(self._schedule_call("delete_backup_schedule", "DELETE", schedule_id))

    def native_history(self, schedule_id: str) -> Iterator[NativeRun]:
        """The backups that a schedule has made and the one it plans."""
        page_of = partial(self.native_history_page, schedule_id)
        return self._walk(f"the history of schedule {schedule_id!r}", page_of)

    def native_history_page(
        self, schedule_id: str, *, limit: int, token: str | None
    ) -> Page[NativeRun]:
        """One page; see ``project_backups_page`` about ``limit``."""
        call = self._call(
            "list_backup_schedule_history",
            f"schedule {schedule_id!r}",
            "GET",
            f"/backup-schedules/{_segment(schedule_id)}/history",
            query=_paging(limit, token),
            version=self._schedules_version,
        )
        return self._caller.ask(call, payloads.history)

    # Calls, by what may be repeated

    def _call(
        self,
        operation: str,
        subject: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        version: str = "",
    ) -> Call:
        """A call; of those that change something all but a POST may be repeated."""
        return Call(
            operation,
            subject,
            method,
            self._base_url + path,
            version or self._api_version,
            query or {},
            body,
            changes=method != "GET",
            repeatable=method != "POST",
        )

    def _schedule_call(
        self, operation: str, method: str, schedule_id: str, body: Mapping[str, Any] | None = None
    ) -> Call:
        path = f"/backup-schedules/{_segment(schedule_id)}"
        subject, version = f"schedule {schedule_id!r}", self._schedules_version
        return self._call(operation, subject, method, path, body=body, version=version)

    def _data_host(self, host: str) -> str | None:
        """The URL of an index that may have the key: at Pinecone, or below a local base URL."""
        if self._at_pinecone:
            name = host.removeprefix("https://").rstrip("/")
            return f"https://{name}" if _PINECONE_HOST.fullmatch(name) else None
        place = host.removeprefix(f"{self._scheme}://").rstrip("/")
        authority, _, path = place.partition("/")
        if authority != self._authority or not re.fullmatch(r"[A-Za-z0-9/_-]*", path):
            return None
        return f"{self._scheme}://{place}"

    # Walking a listing

    def _walk[T](self, what: str, page_of: Callable[..., Page[T]]) -> Iterator[T]:
        """Rows as pages arrive; ``ListingIncomplete`` when the walk cannot be trusted (N2)."""
        seen: set[str] = set()
        token: str | None = None
        until = self._clock() + LISTING_SECONDS
        for number in range(1, MOST_PAGES + 1):
            try:
                page = page_of(limit=PAGE_LIMIT, token=token)
            except PineconeError as error:
                if isinstance(error, NotFound) and token is None:
                    raise
                raise ListingIncomplete(
                    f"Page {number} of {what} failed: {error.problem}",
                    next_step=error.next_step,
                ) from error
            yield from page.items
            token = page.next_token
            if token is None:
                return
            if token in seen:
                raise ListingIncomplete(
                    f"The listing of {what} repeats its paging token after page {number}",
                    next_step="Nothing was decided on it; the next run walks again.",
                )
            seen.add(token)
            if self._clock() > until:
                break
        raise ListingIncomplete(
            f"The listing of {what} did not end within {number} pages",
            next_step="Nothing was decided on it; the next run walks again.",
        )


def _paging(limit: int, token: str | None) -> dict[str, str]:
    """The query of a page: a limit beside a token would skip and repeat rows."""
    return {"limit": str(limit)} if token is None else {"paginationToken": token}


def _segment(name: str) -> str:
    """A name or id as one segment of a path, whatever it contains.

    Raises:
        RequestInvalid: The name would not stay a segment, so nothing can have it.
    """
    if name in {"", ".", ".."}:
        raise RequestInvalid(
            f"{name!r} is no name or id", next_step="Nothing was asked; correct the name."
        )
    return quote(name, safe="")


def _expect(call: Call, asked: str, answered: str) -> None:
    """Refuse an answer about something else than was asked for."""
    if asked != answered:
        raise AnswerMalformed(
            f"{call.text} was answered about {answered!r}",
            next_step="Nothing was decided on it; the next run asks again.",
            operation=call.operation,
        )
