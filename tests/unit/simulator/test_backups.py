"""Backups of a simulated project, without HTTP."""

from datetime import timedelta

import pytest

from local.simulator import Kind, Outcome, Result, Simulator, vector_fields
from local.simulator.errors import ApiError
from tests.support.simulator import START


def test_a_backup_is_initializing_until_its_time_has_come(simulator: Simulator) -> None:
    simulator.project.seed_index("docs", records=100)
    backup = simulator.project.create_backup("docs")

    assert backup.status(START) == "Initializing"
    assert backup.status(START + timedelta(seconds=599)) == "Initializing"
    assert backup.status(START + timedelta(seconds=600)) == "Ready"


@pytest.mark.parametrize(
    ("outcome", "status", "records"),
    [
        (Outcome(Result.READY), "Ready", 100),
        (Outcome(Result.FAIL), "InitializationFailed", 100),
        (Outcome(Result.STICK), "Initializing", 100),
        (Outcome(Result.EMPTY), "Ready", 0),
        (Outcome(Result.SHRINK), "Ready", 50),
        (Outcome(Result.SHRINK, share=0.1), "Ready", 10),
    ],
)
def test_a_backup_turns_out_as_decided(
    simulator: Simulator, outcome: Outcome, status: str, records: int
) -> None:
    simulator.project.seed_index("docs", records=100)
    simulator.project.expect("docs", outcome)

    backup = simulator.project.create_backup("docs")
    later = simulator.clock.advance(days=365)

    assert backup.status(later) == status
    assert sum((backup.namespaces or {}).values()) == records


def test_an_outcome_holds_for_as_many_backups_as_it_says(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    simulator.project.expect("docs", Outcome(Result.FAIL, times=2, seconds=1))

    made = [simulator.project.create_backup("docs") for _ in range(3)]

    later = simulator.clock.advance(days=1)
    failed = "InitializationFailed"
    assert [backup.status(later) for backup in made] == [failed, failed, "Ready"]


def test_an_outcome_can_hold_for_ever(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    simulator.project.expect("docs", Outcome(Result.FAIL, times=None))

    made = [simulator.project.create_backup("docs") for _ in range(3)]

    later = simulator.clock.advance(days=1)
    assert {backup.status(later) for backup in made} == {"InitializationFailed"}


def test_vectors_younger_than_a_quarter_of_an_hour_are_left_out(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    simulator.project.write_records("docs", 7, at=START - timedelta(minutes=15))
    simulator.project.write_records("docs", 5, at=START - timedelta(minutes=14, seconds=59))

    backup = simulator.project.create_backup("docs")

    assert backup.namespaces == {"__default__": 7}


def test_the_tags_of_a_backup_are_those_of_its_index(simulator: Simulator) -> None:
    simulator.project.seed_index("docs", tags={"tier": "gold"})

    assert simulator.project.create_backup("docs").tags == {"tier": "gold"}


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a" * 46, "a b", "aé"])
def test_a_bad_backup_name_is_refused(simulator: Simulator, name: str) -> None:
    simulator.project.seed_index("docs")

    with pytest.raises(ApiError) as refusal:
        simulator.project.create_backup("docs", name=name)

    assert refusal.value.status == 400
    assert simulator.project.project_backups() == []


@pytest.mark.parametrize("name", ["a", "a-b", "0" * 45, None])
def test_a_good_backup_name_is_kept(simulator: Simulator, name: str | None) -> None:
    simulator.project.seed_index("docs")

    assert simulator.project.create_backup("docs", name=name).name == name


@pytest.mark.parametrize("plan", ["starter", "builder"])
def test_a_small_plan_has_no_backups(simulator: Simulator, plan: str) -> None:
    simulator.project.seed_index("docs")
    simulator.project.plan = plan

    with pytest.raises(ApiError, match="plan does not include backups") as refusal:
        simulator.project.create_backup("docs")

    assert (refusal.value.status, refusal.value.code) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(("plan", "quota"), [("standard", 500), ("enterprise", 1000)])
def test_a_plan_sets_the_quota(simulator: Simulator, plan: str, quota: int) -> None:
    simulator.project.seed_index("docs")
    simulator.project.plan = plan
    for _ in range(quota):
        simulator.project.seed_backup("docs")

    with pytest.raises(ApiError, match="Increase your quota") as refusal:
        simulator.project.create_backup("docs")

    assert (refusal.value.status, refusal.value.code) == (403, "FORBIDDEN")


def test_a_deleted_backup_frees_quota_when_the_deletion_takes_effect(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    simulator.project.backup_quota = 1
    old = simulator.project.seed_backup("docs")
    simulator.project.delete_backup(old.backup_id)

    with pytest.raises(ApiError, match="quota"):
        simulator.project.create_backup("docs")
    simulator.clock.advance(seconds=30)

    assert simulator.project.create_backup("docs").backup_id != old.backup_id


def test_a_reached_quota_can_be_called_by_its_other_name(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    simulator.project.backup_quota = 0
    simulator.behaviour.quota_code = "QUOTA_EXCEEDED"

    with pytest.raises(ApiError) as refusal:
        simulator.project.create_backup("docs")

    assert refusal.value.code == "QUOTA_EXCEEDED"


def test_unpaid_invoices_stop_creating(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    simulator.project.past_due = True

    with pytest.raises(ApiError) as refusal:
        simulator.project.create_backup("docs")

    assert (refusal.value.status, refusal.value.code) == (402, "PAYMENT_REQUIRED")


def test_a_pod_index_cannot_be_backed_up(simulator: Simulator) -> None:
    simulator.project.seed_index("pods", kind=Kind.POD)

    with pytest.raises(ApiError, match="Pod indexes") as refusal:
        simulator.project.create_backup("pods")

    assert refusal.value.status == 400


def test_an_index_with_its_own_encryption_key_cannot_be_backed_up(simulator: Simulator) -> None:
    simulator.project.seed_index("sealed", cmek_id="key-1")

    with pytest.raises(ApiError, match="CMEK"):
        simulator.project.create_backup("sealed")


def test_a_byoc_index_can_be_backed_up(simulator: Simulator) -> None:
    simulator.project.seed_index("mine", kind=Kind.BYOC)

    assert simulator.project.create_backup("mine").index_name == "mine"


def test_whether_document_indexes_can_be_backed_up_is_a_switch(simulator: Simulator) -> None:
    simulator.project.seed_index("papers", fields=vector_fields(full_text=True))

    assert simulator.project.create_backup("papers").index_name == "papers"
    simulator.behaviour.full_text_backups = False
    with pytest.raises(ApiError, match="document schemas"):
        simulator.project.create_backup("papers")


def test_integrated_embedding_is_no_document_schema(simulator: Simulator) -> None:
    simulator.project.seed_index("texts", fields=vector_fields(embed_model="e5"))
    simulator.behaviour.full_text_backups = False

    assert simulator.project.create_backup("texts").index_name == "texts"


def test_a_deletion_takes_effect_later(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    backup = simulator.project.seed_backup("docs")

    simulator.project.delete_backup(backup.backup_id)

    assert simulator.project.project_backups() == [backup]
    assert simulator.project.describe_backup(backup.backup_id) is backup
    simulator.clock.advance(seconds=30)
    assert simulator.project.project_backups() == []
    with pytest.raises(ApiError, match=f"Backup {backup.backup_id} not found."):
        simulator.project.describe_backup(backup.backup_id)


def test_a_second_deletion_is_not_found(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    backup = simulator.project.seed_backup("docs")
    simulator.project.delete_backup(backup.backup_id)

    with pytest.raises(ApiError) as refusal:
        simulator.project.delete_backup(backup.backup_id)

    assert refusal.value.status == 404


def test_backups_are_listed_in_the_bitwise_order_of_their_ids(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    for backup_id in ("b", "a", "B", "é", "1"):
        simulator.project.seed_backup("docs", backup_id=backup_id)

    listed = [backup.backup_id for backup in simulator.project.project_backups()]

    assert listed == ["1", "B", "a", "b", "é"]


def test_one_id_may_stand_under_two_indexes(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    simulator.project.seed_index("docs-3")
    simulator.project.seed_backup("docs", backup_id="twin")
    simulator.project.seed_backup("docs-3", backup_id="twin")

    listed = simulator.project.project_backups()

    assert [(row.backup_id, row.index_name) for row in listed] == [
        ("twin", "docs"),
        ("twin", "docs-3"),
    ]


class TestIncarnations:
    def test_a_recreated_index_has_another_id_and_no_backups(self, simulator: Simulator) -> None:
        old = simulator.project.seed_index("docs", tags={"a": "b"}, deletion_protection=True)
        simulator.project.seed_backup("docs")

        new = simulator.project.recreate_index("docs", records=3)

        assert new.index_id != old.index_id
        assert new.tags == {"a": "b"}
        assert simulator.project.index_backups("docs") == []

    def test_include_deleted_shows_every_incarnation(self, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")
        first = simulator.project.seed_backup("docs")
        simulator.project.recreate_index("docs")
        second = simulator.project.create_backup("docs")

        listed = simulator.project.index_backups("docs", include_deleted=True)

        assert {row.backup_id for row in listed} == {first.backup_id, second.backup_id}

    def test_the_backups_of_a_deleted_index_survive(self, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")
        orphan = simulator.project.seed_backup("docs")

        simulator.project.delete_index("docs")

        assert simulator.project.project_backups() == [orphan]
        assert simulator.project.deleted_at(orphan, START) == START

    def test_a_name_with_deleted_indexes_only_is_not_found(self, simulator: Simulator) -> None:
        simulator.project.seed_index("docs", deleted_at=START - timedelta(days=1))
        simulator.project.seed_backup("docs")

        with pytest.raises(ApiError, match=r"Index docs not found."):
            simulator.project.index_backups("docs")
        assert len(simulator.project.index_backups("docs", include_deleted=True)) == 1

    def test_a_name_that_never_was_is_not_found(self, simulator: Simulator) -> None:
        with pytest.raises(ApiError, match=r"Index nope not found."):
            simulator.project.index_backups("nope", include_deleted=True)

    def test_a_backup_can_be_seeded_for_a_past_incarnation(self, simulator: Simulator) -> None:
        old = simulator.project.seed_index("docs", deleted_at=START - timedelta(days=1))
        simulator.project.seed_index("docs", created_at=START - timedelta(days=1))

        current = simulator.project.seed_backup("docs")
        past = simulator.project.seed_backup("docs", index_id=old.index_id)

        assert simulator.project.index_backups("docs") == [current]
        assert past.index_id == old.index_id

    def test_a_backup_of_an_index_that_never_was_cannot_be_seeded(
        self, simulator: Simulator
    ) -> None:
        with pytest.raises(ApiError, match=r"Index nope not found."):
            simulator.project.seed_backup("nope")
        with pytest.raises(ApiError, match=r"Index no-id not found."):
            simulator.project.seed_backup("nope", index_id="no-id")


def test_a_seeded_status_stays(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    backup = simulator.project.seed_backup("docs", status="Thawing")

    assert backup.status(simulator.clock.advance(days=9)) == "Thawing"


def test_seeded_records_are_spread_over_namespaces(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")

    backup = simulator.project.seed_backup("docs", record_count=10, namespace_count=3)

    assert backup.namespaces == {"__default__": 4, "ns-1": 3, "ns-2": 3}


def test_what_happened_while_pretending_has_not_happened(simulator: Simulator) -> None:
    index = simulator.project.seed_index("docs", deletion_protection=False)

    with simulator.project.pretending():
        pretended = simulator.project.create_backup("docs")
        simulator.project.configure_index("docs", deletion_protection=True)

    assert simulator.project.project_backups() == []
    assert not index.deletion_protection
    assert simulator.project.create_backup("docs").backup_id != pretended.backup_id


def test_two_simulators_give_the_same_ids() -> None:
    first, second = Simulator(START, frozen=True), Simulator(START, frozen=True)

    assert first.project.seed_index("docs").index_id == second.project.seed_index("docs").index_id


def test_projects_do_not_share_ids(simulator: Simulator) -> None:
    other = simulator.add_project("other", keys={"k": "ProjectEditor"})

    assert other.seed_index("docs").index_id != simulator.project.seed_index("docs").index_id
