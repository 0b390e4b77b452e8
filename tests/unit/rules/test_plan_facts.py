"""D3: by which policies a former document went."""

from __future__ import annotations

from pinecone_backup.rules.plan_facts import Baseline
from pinecone_backup.rules.policy import validate_policy
from tests.support.backups import index


def test_an_index_has_the_policy_that_it_had_or_that_the_former_document_gives_it() -> None:
    """What was there goes by its name then; what is new by project, name and tags."""
    plain = {"cron": "0 3 * * *", "max_age": "2d", "retention": {"keep_last": 3}}
    former = validate_policy(
        {
            "projects": [{"name": "main"}, {"name": "other"}],
            "policies": [{"name": name, **plain} for name in ("gold", "silver", "tagged")],
            "assignments": [
                {"policy": "gold", "project": "main", "index": "docs-*"},
                {"policy": "tagged", "tags": {"env": "prod"}},
                {"policy": "silver", "project": "other"},
            ],
        }
    )
    measure = Baseline(former, "v1", {"docs-1": "silver", "left-out": None})
    names = ("docs-1", "left-out", "docs-2", "new")
    listed = [*map(index, names), index("prod", tags={"env": "prod"})]

    had = measure.policies("main", listed)

    assert {name: policy and policy.name for name, policy in had.items()} == {
        "docs-1": "silver",
        "left-out": None,
        "docs-2": "gold",
        "new": None,
        "prod": "tagged",
    }
    assert Baseline(None, "v1", {}).policies("main", listed) == {}
