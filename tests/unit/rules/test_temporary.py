"""R4: which indexes are a restore test's, and so ours to delete."""

from __future__ import annotations

import pytest

from pinecone_backup.rules.temporary import (
    made_by,
    restore_of,
    restored_tags,
    temporary_name,
    without_temporary,
)
from tests.support.backups import OWNER, index

NAME = temporary_name(OWNER, "main", "restore-1")
TAGS = restored_tags(OWNER, "restore-1")


def test_the_name_of_a_tests_index_stays_what_it_was() -> None:
    """By it a later version finds, and deletes, what an earlier one made."""
    assert NAME == "restore-test-6f070affeccc4c7e"


def test_an_index_that_says_it_in_all_three_ways_is_a_tests() -> None:
    assert restore_of(index(NAME, tags=TAGS), owner=OWNER, project="main") == "restore-1"


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        pytest.param("docs", TAGS, id="another name"),
        pytest.param(NAME, {}, id="no tags"),
        pytest.param(NAME, TAGS | {"backup-owner": "stack-b"}, id="another deployment's"),
        pytest.param(NAME, TAGS | {"backup-policy": "gold"}, id="adopted by a policy"),
        pytest.param(NAME, TAGS | {"backup-restore": "restore-2"}, id="of another restore"),
        pytest.param("docs", {"backup-restore": ""}, id="an empty tag"),
        pytest.param(temporary_name(OWNER, "main", ""), restored_tags(OWNER, ""), id="of none"),
    ],
)
def test_every_other_index_is_somebodys(name: str, tags: dict[str, str]) -> None:
    assert restore_of(index(name, tags=tags), owner=OWNER, project="main") == ""


@pytest.mark.parametrize(("owner", "project"), [("stack-b", "main"), (OWNER, "other")])
def test_a_tests_index_is_one_of_its_deployment_and_project_alone(owner: str, project: str) -> None:
    assert restore_of(index(NAME, tags=TAGS), owner=owner, project=project) == ""


def test_what_audits_and_prunes_concern_is_all_but_the_tests_indexes() -> None:
    listed = [index("docs"), index(NAME, tags=TAGS), index(NAME, tags={})]
    assert list(without_temporary(listed, owner=OWNER, project="main")) == [listed[0], listed[2]]


@pytest.mark.parametrize(("source", "ours"), [(None, True), ("b1", True), ("b2", False)])
def test_an_index_was_made_by_a_restore_as_far_as_it_says(source: str | None, ours: bool) -> None:
    """R1: Pinecone does not always name the backup; where it does, it is this one."""
    made = index("docs-2", tags=TAGS, source_backup_id=source)
    assert made_by(made, "restore-1", "b1") is ours
    assert not made_by(made, "restore-2", "b1")
