"""The official client understands every refusal and every fault of the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pinecone import (
    ApiError,
    ConflictError,
    FailedPreconditionError,
    ForbiddenError,
    NotFoundError,
    PaymentRequiredError,
    PineconeConnectionError,
    PineconeError,
    PineconeTimeoutError,
    RateLimitError,
    ResponseParsingError,
    ServiceError,
    UnauthorizedError,
)

from local.simulator import Fault, Kind, Simulator
from tests.support.official_client import official_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinecone import Pinecone


@pytest.fixture
def pc(simulator_url: str, simulator: Simulator) -> Iterator[Pinecone]:
    simulator.project.seed_index("docs")
    with official_client(simulator_url) as client:
        yield client


def schedule(pc: Pinecone, index: str = "docs", days: int = 7) -> str:
    """Create a schedule; its id."""
    return pc.backup_schedules.create(
        index_name=index, name="nightly", frequency="daily", retention_days=days
    ).schedule_id


class TestKeys:
    @pytest.mark.parametrize(
        ("version", "message", "code"),
        [
            ("2026-04", "Invalid API key.", "UNAUTHENTICATED"),
            ("2026-07", "Invalid API key", None),
            ("unstable", "Invalid API key", None),
        ],
    )
    def test_a_wrong_key_is_unauthorized(
        self, simulator_url: str, version: str, message: str, code: str | None
    ) -> None:
        with (
            official_client(simulator_url, key="wrong", version=version) as pc,
            pytest.raises(UnauthorizedError) as refusal,
        ):
            pc.backups.list()

        assert (refusal.value.message, refusal.value.error_code) == (message, code)

    @pytest.mark.parametrize("role", ["ProjectViewer", "ControlPlaneViewer"])
    def test_a_viewer_reads_and_does_not_write(
        self, simulator: Simulator, simulator_url: str, role: str
    ) -> None:
        simulator.project.keys["viewer"] = role
        simulator.project.seed_index("docs")

        with official_client(simulator_url, key="viewer") as pc:
            assert len(pc.backups.list()) == 0
            with pytest.raises(ForbiddenError) as refusal:
                pc.backups.create(index_name="docs")

        assert refusal.value.error_code == "PERMISSION_DENIED"
        assert refusal.value.message == (
            "Access denied: Permission control::backups::create is required"
        )

    @pytest.mark.parametrize("role", ["ProjectEditor", "ControlPlaneEditor"])
    def test_an_editor_writes(self, simulator: Simulator, simulator_url: str, role: str) -> None:
        simulator.project.keys["editor"] = role
        simulator.project.seed_index("docs")

        with official_client(simulator_url, key="editor") as pc:
            assert pc.backups.create(index_name="docs").status == "Initializing"

    @pytest.mark.parametrize("role", ["DataPlaneEditor", "DataPlaneViewer"])
    def test_a_data_plane_key_sees_statistics_only(
        self, simulator: Simulator, simulator_url: str, role: str
    ) -> None:
        simulator.project.keys["data"] = role
        index = simulator.project.seed_index("docs", records=4)
        host = f"{simulator_url}/data/{index.index_id}"

        with official_client(simulator_url, key="data") as pc:
            with pc.index(host=host) as docs:
                assert docs.describe_index_stats().total_vector_count == 4
            with pytest.raises(ForbiddenError, match="Permission control::indexes::list"):
                list(pc.indexes.list())

    def test_a_control_plane_key_sees_no_statistics(
        self, simulator: Simulator, simulator_url: str
    ) -> None:
        simulator.project.keys["control"] = "ControlPlaneViewer"
        simulator.project.seed_index("docs")

        with (
            official_client(simulator_url, key="control") as pc,
            pc.index(name="docs") as index,
            pytest.raises(ForbiddenError, match="data::index::describe_stats"),
        ):
            index.describe_index_stats()

    def test_a_key_sees_its_own_project_only(
        self, simulator: Simulator, simulator_url: str
    ) -> None:
        other = simulator.add_project("other", keys={"other-key": "ProjectEditor"})
        other.seed_index("elsewhere")

        with official_client(simulator_url, key="other-key") as pc:
            assert [index.name for index in pc.indexes.list()] == ["elsewhere"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda pc: pc.indexes.describe("nope"),
        lambda pc: pc.indexes.delete("nope", timeout=-1),
        lambda pc: pc.indexes.configure("nope", tags={"a": "b"}),
        lambda pc: pc.backups.create(index_name="nope"),
        lambda pc: pc.backups.list(index_name="nope"),
        lambda pc: pc.backups.list(index_name="nope", include_deleted=True),
        lambda pc: pc.backups.describe(backup_id="nope"),
        lambda pc: pc.backups.delete(backup_id="nope"),
        lambda pc: pc.create_index_from_backup(name="copy", backup_id="nope"),
        lambda pc: pc.restore_jobs.describe(job_id="nope"),
        lambda pc: schedule(pc, "nope"),
        lambda pc: pc.backup_schedules.list(index_name="nope"),
        lambda pc: pc.backup_schedules.describe(schedule_id="nope"),
        lambda pc: pc.backup_schedules.update(schedule_id="nope", enabled=False),
        lambda pc: pc.backup_schedules.delete(schedule_id="nope"),
        lambda pc: pc.backup_schedules.history(schedule_id="nope"),
    ],
)
def test_what_does_not_exist_is_not_found(pc: Pinecone, ask: Callable[[Pinecone], object]) -> None:
    with pytest.raises(NotFoundError) as refusal:
        ask(pc)

    assert (refusal.value.status_code, refusal.value.error_code) == (404, "NOT_FOUND")
    assert refusal.value.request_id


class TestRefusals:
    def test_a_plan_without_backups(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.plan = "starter"

        with pytest.raises(ForbiddenError, match="plan does not include backups"):
            pc.backups.create(index_name="docs")
        with pytest.raises(ForbiddenError, match="not available for your plan Backups are a plan"):
            schedule(pc, "nope")

    def test_a_plan_may_gate_every_schedule_operation(
        self, pc: Pinecone, simulator: Simulator
    ) -> None:
        simulator.project.plan = "builder"
        assert len(pc.backup_schedules.list(index_name="docs")) == 0

        simulator.behaviour.plan_gates_all_schedule_operations = True

        with pytest.raises(ForbiddenError, match="not available for your plan"):
            pc.backup_schedules.list(index_name="docs")

    def test_a_reached_quota(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.backup_quota = 1
        pc.backups.create(index_name="docs")

        with pytest.raises(ForbiddenError) as refusal:
            pc.backups.create(index_name="docs")

        assert refusal.value.message == "Increase your quota or upgrade to create more backups."
        assert refusal.value.error_code == "FORBIDDEN"

    def test_unpaid_invoices(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.past_due = True

        with pytest.raises(PaymentRequiredError, match="past due invoices"):
            pc.backups.create(index_name="docs")

    def test_a_bad_name(self, pc: Pinecone) -> None:
        with pytest.raises(ApiError) as refusal:
            pc.backups.create(index_name="docs", name="Not_A_Name")

        assert (refusal.value.status_code, refusal.value.error_code) == (400, "INVALID_ARGUMENT")

    def test_a_malformed_token(self, pc: Pinecone) -> None:
        with pytest.raises(ApiError, match="Malformed pagination token") as refusal:
            pc.backups.list(pagination_token="???")

        assert refusal.value.status_code == 400

    def test_a_pod_index(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("pods", kind=Kind.POD)

        with pytest.raises(ApiError, match="Pod indexes do not support backups") as refusal:
            pc.backups.create(index_name="pods")
        assert refusal.value.status_code == 400
        with pytest.raises(ApiError, match="Pod indexes do not support backup schedules"):
            schedule(pc, "pods")

    def test_a_retention_out_of_bounds(self, pc: Pinecone) -> None:
        with pytest.raises(ApiError, match="must be between 1 and 365, got 400") as refusal:
            schedule(pc, days=400)

        assert refusal.value.status_code == 400

    def test_a_second_enabled_schedule(self, pc: Pinecone) -> None:
        schedule(pc)

        with pytest.raises(ConflictError, match="already has an enabled backup schedule"):
            schedule(pc)

    def test_a_protected_index(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("safe", deletion_protection=True)

        with pytest.raises(ForbiddenError, match="Deletion protection is enabled"):
            pc.indexes.delete("safe", timeout=-1)

    def test_a_restore_over_an_existing_index(self, pc: Pinecone, simulator: Simulator) -> None:
        backup = simulator.project.seed_backup("docs")

        with pytest.raises(ConflictError, match="Resource already exists"):
            pc.create_index_from_backup(name="docs", backup_id=backup.backup_id)

    def test_a_restore_of_an_unfinished_backup(self, pc: Pinecone) -> None:
        backup = pc.backups.create(index_name="docs")

        with pytest.raises(FailedPreconditionError, match="is not completed"):
            pc.create_index_from_backup(name="copy", backup_id=backup.backup_id)

    def test_deleting_a_backup_that_is_being_restored(
        self, pc: Pinecone, simulator: Simulator
    ) -> None:
        backup = simulator.project.seed_backup("docs")
        pc.create_index_from_backup(name="copy", backup_id=backup.backup_id, timeout=-1)

        with pytest.raises(FailedPreconditionError, match="pending restore jobs"):
            pc.backups.delete(backup_id=backup.backup_id)

    def test_statistics_with_a_filter(self, pc: Pinecone) -> None:
        with pc.index(name="docs") as index, pytest.raises(ApiError) as refusal:
            index.describe_index_stats(filter={"genre": "drama"})

        assert refusal.value.status_code == 400


class TestFaults:
    def test_a_server_error_is_retried(self, simulator: Simulator, simulator_url: str) -> None:
        simulator.faults.add(Fault(kind="status", status=502, times=2))

        with official_client(simulator_url, retries=3) as pc:
            assert len(pc.backups.list()) == 0

        assert [call.status for call in simulator.requests.calls] == [502, 502, 200]

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_server_error(self, pc: Pinecone, simulator: Simulator, status: int) -> None:
        simulator.faults.add(Fault(kind="status", status=status))

        with pytest.raises(ServiceError) as refusal:
            pc.backups.list()

        assert refusal.value.status_code == status

    @pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), (None, None)])
    def test_a_rate_limit(
        self, pc: Pinecone, simulator: Simulator, header: str | None, seconds: float | None
    ) -> None:
        simulator.faults.add(Fault(kind="status", status=429, retry_after=header))

        with pytest.raises(RateLimitError) as refusal:
            pc.backups.list()

        assert refusal.value.retry_after == seconds
        assert refusal.value.error_code == "RESOURCE_EXHAUSTED"

    def test_a_dropped_connection(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.faults.add(Fault(kind="drop", operation="create_backup"))

        with pytest.raises(PineconeConnectionError):
            pc.backups.create(index_name="docs")

        assert simulator.project.project_backups() == []

    def test_a_connection_dropped_after_the_backup_was_made(
        self, pc: Pinecone, simulator: Simulator
    ) -> None:
        simulator.faults.add(Fault(kind="drop", operation="create_backup", after_effect=True))

        with pytest.raises(PineconeConnectionError):
            pc.backups.create(index_name="docs")

        assert len(simulator.project.project_backups()) == 1

    def test_a_blind_retry_makes_two_backups(
        self, simulator: Simulator, simulator_url: str
    ) -> None:
        simulator.project.seed_index("docs")
        simulator.faults.add(Fault(kind="status", status=503, after_effect=True))

        with official_client(simulator_url, retries=1) as pc:
            pc.backups.create(index_name="docs", name="twice")

        assert [row.name for row in simulator.project.project_backups()] == ["twice", "twice"]

    def test_malformed_json(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.faults.add(Fault(kind="malformed"))

        with pytest.raises(ResponseParsingError):
            pc.backups.list()

    def test_a_truncated_answer(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.faults.add(Fault(kind="truncated"))

        with pytest.raises(PineconeError):
            pc.backups.list()

    def test_an_answer_that_comes_too_late(self, simulator: Simulator, simulator_url: str) -> None:
        simulator.faults.add(Fault(kind="latency", seconds=0.3))

        with (
            official_client(simulator_url, timeout=0.05) as pc,
            pytest.raises(PineconeTimeoutError),
        ):
            pc.backups.list()

    def test_a_page_that_fails_midway(self, pc: Pinecone, simulator: Simulator) -> None:
        for _ in range(150):
            simulator.project.seed_backup("docs")
        simulator.faults.add(Fault(kind="status", status=500, from_offset=100))

        first = pc.backups.list()
        assert first.pagination is not None
        with pytest.raises(ServiceError):
            pc.backups.list(pagination_token=first.pagination.next)

        assert len(first) == 100

    def test_a_token_that_leads_to_itself(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_backup("docs")
        simulator.faults.add(Fault(kind="repeat_token", times=None))

        first = pc.backups.list()
        assert first.pagination is not None
        second = pc.backups.list(pagination_token=first.pagination.next)
        assert second.pagination is not None

        assert second.pagination.next == first.pagination.next

    def test_a_lost_write(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.faults.add(Fault(kind="lost_write", operation="create_backup"))

        lost = pc.backups.create(index_name="docs")

        assert lost.status == "Initializing"
        with pytest.raises(NotFoundError):
            pc.backups.describe(backup_id=lost.backup_id)

    def test_an_empty_listing(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_backup("docs")
        simulator.faults.add(Fault(kind="empty_listing", operation="list_project_backups"))
        simulator.faults.add(Fault(kind="empty_listing", operation="list_indexes"))

        assert (len(pc.backups.list()), list(pc.indexes.list())) == (0, [])
        assert (len(pc.backups.list()), len(list(pc.indexes.list()))) == (1, 1)
