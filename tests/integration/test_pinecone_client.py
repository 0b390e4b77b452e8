"""Our client against the simulated Pinecone, and against connections that break for real."""

from __future__ import annotations

import json
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from local.simulator import DEFAULT_KEY, Fault, Kind
from pinecone_backup import errors
from pinecone_backup.adapters.http import new_http_client
from pinecone_backup.adapters.pinecone.client import PineconeClient
from pinecone_backup.adapters.tls import ssl_context
from pinecone_backup.model import IndexKind, Status
from tests.support import loopback
from tests.support.pinecone_transport import Key, Time, row
from tests.support.simulator import START

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    import httpx

    from local.simulator import Simulator

VERSIONS = ["2025-04", "2025-10", "2026-04", "2026-07"]
LISTING = json.dumps({"data": [row()]}).encode()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with new_http_client() as client:
        yield client


type Connect = Callable[..., PineconeClient]


@pytest.fixture
def connect(simulator_url: str, http: httpx.Client) -> Connect:
    """Makes our client of the simulator; waits cost no time."""

    def connect_(key: Key | None = None, *, version: str = "2026-07") -> PineconeClient:
        time = Time()
        return PineconeClient(
            key or Key(DEFAULT_KEY),
            base_url=simulator_url,
            api_version=version,
            http=http,
            clock=time.clock,
            sleep=time.sleep,
        )

    return connect_


# The life of things, in every version


@pytest.mark.parametrize("version", VERSIONS)
def test_a_backup_lives_from_creation_to_deletion(
    simulator: Simulator, connect: Connect, version: str
) -> None:
    simulator.project.seed_index("docs", records=98)
    client = connect(version=version)

    created = client.create_backup("docs", name="nightly-1", description="by hand")
    assert created.status is Status.UNDER_WAY
    assert created.created_at == START
    assert (created.name, created.description) == ("nightly-1", "by hand")
    assert [backup.backup_id for backup in client.project_backups()] == [created.backup_id]

    simulator.clock.advance(timedelta(hours=1))
    ready = client.describe_backup(created.backup_id)
    assert (ready.status, ready.record_count) == (Status.READY, 98)

    client.delete_backup(created.backup_id)
    simulator.clock.advance(timedelta(hours=1))
    assert list(client.index_backups("docs")) == []
    with pytest.raises(errors.NotFound):
        client.delete_backup(created.backup_id)
    assert {call.api_version for call in simulator.requests.calls} == {version}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_kind_of_index_is_distinguished(
    simulator: Simulator, connect: Connect, version: str
) -> None:
    project = simulator.project
    project.seed_index("plain", tags={"team": "search"}, deletion_protection=True)
    project.seed_index("pods", kind=Kind.POD)
    project.seed_index("own-cloud", kind=Kind.BYOC)

    found = {index.name: index for index in connect(version=version).list_indexes()}

    assert {name: index.kind for name, index in found.items()} == {
        "plain": IndexKind.SERVERLESS,
        "pods": IndexKind.POD,
        "own-cloud": IndexKind.BYOC,
    }
    assert found["plain"].tags == {"team": "search"}
    assert found["plain"].deletion_protection
    assert found["plain"].ready
    assert connect(version=version).describe_index("plain") == found["plain"]


def test_an_index_with_its_own_encryption_key_is_recognised(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.project.seed_index("locked", cmek_id="key-1")

    assert connect().describe_index("locked").encrypted_with_own_key


def test_the_record_count_comes_from_the_index_itself(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.project.seed_index("docs", records=98)
    client = connect()

    assert client.index_record_count(client.describe_index("docs")) == 98


def test_a_restore_ends_as_a_new_index(simulator: Simulator, connect: Connect) -> None:
    simulator.project.seed_index("docs", records=98)
    backup = simulator.project.seed_backup("docs")
    client = connect()

    job = client.restore(backup.backup_id, name="copy", tags={"drill": "yes"})
    assert job.unfinished
    simulator.clock.advance(timedelta(hours=1))

    finished = client.describe_restore_job(job.job_id)
    assert (finished.status, finished.percent_complete) == ("Completed", 100)
    assert [each.job_id for each in client.restore_jobs()] == [job.job_id]
    copy = client.describe_index("copy")
    assert (copy.source_backup_id, copy.tags) == (backup.backup_id, {"drill": "yes"})


def test_a_backup_that_a_restore_reads_is_not_deleted(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.project.seed_index("docs", records=98)
    backup = simulator.project.seed_backup("docs")
    client = connect()
    client.restore(backup.backup_id, name="copy")

    with pytest.raises(errors.PreconditionFailed, match="pending restore jobs"):
        client.delete_backup(backup.backup_id)


def test_a_native_schedule_lives_from_creation_to_deletion(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.project.seed_index("docs", records=98)
    client = connect()

    made = client.create_native_schedule(
        "docs", name="native", frequency="daily", expire_after_days=7
    )
    assert (made.enabled, made.frequency, made.expire_after_days) == (True, "daily", 7)
    simulator.clock.advance(timedelta(days=2))
    [planned, *runs] = client.native_history(made.schedule_id)
    assert planned.status in (Status.PLANNED, Status.UNDER_WAY)
    assert runs
    assert all(run.status is Status.READY for run in runs)

    paused = client.update_native_schedule(made.schedule_id, enabled=False, expire_after_days=9)
    assert (paused.enabled, paused.next_run_at, paused.expire_after_days) == (False, None, 9)
    assert list(client.native_schedules("docs")) == [paused]
    assert client.describe_native_schedule(made.schedule_id) == paused
    client.delete_native_schedule(made.schedule_id)
    with pytest.raises(errors.NotFound):
        client.delete_native_schedule(made.schedule_id)


# Listings


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 250])
def test_a_walk_finds_every_backup_once_however_full_the_last_page_is(
    simulator: Simulator, connect: Connect, count: int
) -> None:
    """N1: floor(N/100) + 1 pages."""
    simulator.project.seed_index("docs")
    ids = [simulator.project.seed_backup("docs").backup_id for _ in range(count)]

    found = [backup.backup_id for backup in connect().project_backups()]

    assert sorted(found) == sorted(ids)
    assert simulator.requests.counts() == {"list_project_backups": count // 100 + 1}


def test_backups_of_a_deleted_namesake_show_when_asked_for(
    simulator: Simulator, connect: Connect
) -> None:
    project = simulator.project
    project.seed_index("docs")
    before = project.seed_backup("docs").backup_id
    project.recreate_index("docs")
    after = project.seed_backup("docs").backup_id
    client = connect()

    assert [backup.backup_id for backup in client.index_backups("docs")] == [after]
    everything = {b.backup_id: b for b in client.index_backups("docs", include_deleted=True)}
    assert everything.keys() == {before, after}
    assert everything[before].index_deleted_at is not None
    assert everything[after].index_deleted_at is None


def test_a_deleted_index_is_not_found(simulator: Simulator, connect: Connect) -> None:
    with pytest.raises(errors.NotFound, match="Index nowhere not found"):
        list(connect().index_backups("nowhere"))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(kind="status", status=500, from_offset=100, times=None), "Page 2 of"),
        (Fault(kind="malformed", from_offset=100, times=None), "not understood"),
        (Fault(kind="truncated", from_offset=100, times=None), "got no answer"),
        (Fault(kind="drop", from_offset=100, times=None), "got no answer"),
        (Fault(kind="repeat_token", times=None), "repeats its paging token"),
    ],
    ids=["failing", "malformed", "truncated", "dropped", "repeating"],
)
def test_a_listing_that_breaks_midway_is_incomplete(
    simulator: Simulator, connect: Connect, fault: Fault, said: str
) -> None:
    """D2: half a listing is never acted on."""
    simulator.project.seed_index("docs")
    for _ in range(150):
        simulator.project.seed_backup("docs")
    simulator.faults.add(fault)

    with pytest.raises(errors.ListingIncomplete, match=said):
        list(connect().project_backups())


def test_a_listing_survives_a_page_that_fails_once(simulator: Simulator, connect: Connect) -> None:
    simulator.project.seed_index("docs")
    for _ in range(150):
        simulator.project.seed_backup("docs")
    for fault in ("drop", "truncated"):
        simulator.faults.add(Fault(kind=fault, from_offset=100))

    assert len(list(connect().project_backups())) == 150


# Writes that go wrong


@pytest.mark.parametrize("after_effect", [True, False])
@pytest.mark.parametrize("kind", ["drop", "status"])
def test_a_creation_that_fails_midway_is_unknown_and_posted_once(
    simulator: Simulator, connect: Connect, kind: str, after_effect: bool
) -> None:
    """C3: after an ambiguous POST, no second POST in this run."""
    simulator.project.seed_index("docs")
    simulator.faults.add(
        Fault.model_validate({"kind": kind, "after_effect": after_effect, "operation": "create_*"})
    )

    with pytest.raises(errors.OutcomeUnknown):
        connect().create_backup("docs", name="nightly-1", description="")

    assert simulator.requests.counts() == {"create_backup": 1}
    assert len(simulator.project.backups) == int(after_effect)


@pytest.mark.parametrize("kind", ["malformed", "truncated"])
def test_a_creation_whose_answer_cannot_be_read_is_unknown(
    simulator: Simulator, connect: Connect, kind: str
) -> None:
    simulator.project.seed_index("docs")
    simulator.faults.add(Fault.model_validate({"kind": kind, "operation": "create_backup"}))

    with pytest.raises(errors.OutcomeUnknown):
        connect().create_backup("docs", name="nightly-1", description="")

    assert len(simulator.project.backups) == 1


def test_a_creation_that_is_rate_limited_happens_once(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.project.seed_index("docs")
    simulator.faults.add(Fault(kind="status", status=429, retry_after="2", times=2))

    connect().create_backup("docs", name="nightly-1", description="")

    assert len(simulator.project.backups) == 1


def test_a_deletion_whose_answer_was_lost_is_found_done(
    simulator: Simulator, connect: Connect
) -> None:
    """D6: the caller takes this 404 for success."""
    simulator.project.seed_index("docs")
    backup = simulator.project.seed_backup("docs")
    simulator.faults.add(Fault(kind="drop", operation="delete_backup", after_effect=True))

    with pytest.raises(errors.NotFound):
        connect().delete_backup(backup.backup_id)

    assert simulator.requests.counts() == {"delete_backup": 2}


# Refusals


def test_each_403_of_the_service_is_distinguished(simulator: Simulator, connect: Connect) -> None:
    project = simulator.project
    project.seed_index("docs")

    project.keys["viewer"] = "ControlPlaneViewer"
    with pytest.raises(errors.PermissionMissing):
        connect(Key("viewer")).create_backup("docs", name="n", description="")
    project.backup_quota = 0
    with pytest.raises(errors.QuotaReached):
        connect().create_backup("docs", name="n", description="")
    project.plan = "starter"
    with pytest.raises(errors.PlanExcludes):
        connect().create_backup("docs", name="n", description="")
    with pytest.raises(errors.PlanExcludes):
        connect().create_native_schedule("docs", name="n", frequency="daily", expire_after_days=1)


def test_unpaid_invoices_and_bad_names_are_reported_as_such(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.project.seed_index("docs")

    with pytest.raises(errors.RequestInvalid):
        connect().create_backup("docs", name="Not_Allowed", description="")
    simulator.project.past_due = True
    with pytest.raises(errors.PaymentRequired):
        connect().create_backup("docs", name="n", description="")


def test_a_second_enabled_schedule_is_a_conflict(simulator: Simulator, connect: Connect) -> None:
    simulator.project.seed_index("docs")
    client = connect()
    client.create_native_schedule("docs", name="one", frequency="daily", expire_after_days=1)

    with pytest.raises(errors.Conflict):
        client.create_native_schedule("docs", name="two", frequency="daily", expire_after_days=1)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_wrong_key_is_rejected_by_name_in_every_version(connect: Connect, version: str) -> None:
    with pytest.raises(errors.KeyRejected, match="stack/projects/main") as caught:
        connect(Key("wrong"), version=version).list_indexes()

    assert caught.value.request_id


@pytest.mark.parametrize("version", VERSIONS)
def test_a_rotated_key_is_taken_up_without_a_failure(
    simulator: Simulator, connect: Connect, version: str
) -> None:
    simulator.project.seed_index("docs")

    connect(Key("old", DEFAULT_KEY), version=version).create_backup(
        "docs", name="n", description=""
    )

    assert simulator.requests.calls[0].status == 401
    assert len(simulator.project.backups) == 1


# Connections


def local(server: loopback.Server, http: httpx.Client) -> PineconeClient:
    time = Time()
    return PineconeClient(Key(), base_url=server.url, http=http, clock=time.clock, sleep=time.sleep)


def test_nobody_listening_is_unavailable_even_for_a_post(http: httpx.Client) -> None:
    with loopback.serving() as server:
        pass

    with pytest.raises(errors.Unavailable, match="ConnectError"):
        local(server, http).create_backup("docs", name="n", description="")


def test_a_post_that_is_hung_up_on_is_unknown(http: httpx.Client) -> None:
    with loopback.serving(loopback.hang_up) as server, pytest.raises(errors.OutcomeUnknown):
        local(server, http).create_backup("docs", name="n", description="")

    assert len(server.requests) == 1


def test_a_read_that_is_hung_up_on_is_repeated(http: httpx.Client) -> None:
    scenes = loopback.hang_up, loopback.answers(loopback.response(LISTING))
    with loopback.serving(*scenes) as server:
        assert len(list(local(server, http).project_backups())) == 1

    assert len(server.requests) == 2


def test_reads_share_a_connection(http: httpx.Client) -> None:
    with loopback.serving(loopback.answers(*[loopback.response(LISTING)] * 3)) as server:
        client = local(server, http)
        for _ in range(3):
            list(client.project_backups())
        http.close()

    assert [len(requests) for requests in server.requests] == [3]


def test_a_write_never_rides_on_a_kept_connection(http: httpx.Client) -> None:
    """A kept connection may be dead, and a write that finds out would be ambiguous."""
    accepted = loopback.response(b"", "202 Accepted")
    scenes = [loopback.answers(accepted, accepted)] * 2
    with loopback.serving(*scenes) as server:
        client = local(server, http)
        client.delete_backup("a")
        client.delete_backup("b")

    assert [len(requests) for requests in server.requests] == [1, 1]


def test_more_threads_than_connections_wait_for_a_free_one(
    simulator: Simulator, simulator_url: str
) -> None:
    simulator.project.seed_index("docs")
    ids = [simulator.project.seed_backup("docs").backup_id for _ in range(24)]
    with new_http_client(max_connections=2) as http, ThreadPoolExecutor(8) as pool:
        client = PineconeClient(Key(DEFAULT_KEY), base_url=simulator_url, http=http)
        found = [backup.backup_id for backup in pool.map(client.describe_backup, ids)]

    assert found == ids


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_a_redirect_leads_nowhere(http: httpx.Client, status: str) -> None:
    """The key goes to nobody that an answer names."""
    with loopback.serving(loopback.answers(loopback.response())) as elsewhere:
        moved = loopback.response(b"", status, f"location: {elsewhere.url}/backups")
        with (
            loopback.serving(loopback.answers(moved)) as server,
            pytest.raises(errors.ListingIncomplete, match="redirect"),
        ):
            list(local(server, http).project_backups())

    assert elsewhere.requests == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key goes to nobody that the environment names."""
    with loopback.serving(loopback.answers(loopback.response())) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with (
            loopback.serving(loopback.answers(loopback.response(LISTING))) as server,
            new_http_client() as http,
        ):
            assert len(list(local(server, http).project_backups())) == 1

    assert proxy.requests == []


def test_a_server_that_speaks_no_tls_gets_no_key(http: httpx.Client) -> None:
    def in_the_clear(connection: socket.socket, _: loopback.Server) -> None:
        connection.sendall(loopback.response())

    with loopback.serving(*[in_the_clear] * 5) as server:
        secure = server.url.replace("http://", "https://")
        client = PineconeClient(Key(), base_url=secure, http=http, sleep=lambda _: None)
        with pytest.raises(errors.Unavailable, match="ConnectError"):
            client.create_backup("docs", name="n", description="")


def test_certificates_are_verified_with_one_context_per_process() -> None:
    assert ssl_context() is ssl_context()
    assert ssl_context().verify_mode is ssl.CERT_REQUIRED
    assert ssl_context().check_hostname


def test_listings_without_rows_may_be_empty_objects(simulator: Simulator, connect: Connect) -> None:
    simulator.behaviour.bare_empty_listings = True
    client = connect()

    assert (client.list_indexes(), list(client.project_backups())) == ([], [])
    simulator.project.seed_index("docs")
    assert list(client.index_backups("docs")) == []
