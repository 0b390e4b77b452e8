"""Deploying into an account: what is asked, and what the SAM CLI is given."""

from __future__ import annotations

import pytest

from local.account import ASKED, ask, command, pairs, stage_settings
from local.build import ROOT
from local.deploy import load_template


def _after(flag: str, call: list[str]) -> list[str]:
    """The values that follow a flag."""
    rest = call[call.index(flag) + 1 :]
    return rest[: next((i for i, one in enumerate(rest) if one.startswith("--")), len(rest))]


def test_a_stage_has_its_stack_and_its_parameters() -> None:
    name, parameters = stage_settings("production")

    assert name == "pinecone-backup-production"
    assert parameters["PruneMode"] == "approve"


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        stage_settings("nowhere")


def test_a_value_may_hold_an_equals_sign_and_be_empty() -> None:
    assert pairs(["A=b=c", "D="]) == {"A": "b=c", "D": ""}


def test_a_parameter_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="PruneMode"):
        pairs(["PruneMode"])


def test_a_deployment_without_a_person_asks_nothing() -> None:
    call = command("staging", {"PruneMode": "approve"}, {"team": "search"}, confirm=False)

    assert "--no-confirm-changeset" in call
    assert "--guided" not in call
    assert _after("--config-env", call) == ["staging"]
    assert _after("--parameter-overrides", call) == ["PruneMode=approve"]
    assert _after("--tags", call) == ["team=search"]


@pytest.mark.parametrize("confirm", [True, False])
def test_a_failed_first_deployment_leaves_no_stack_in_the_way(confirm: bool) -> None:
    assert _after("--on-failure", command("default", {"A": "b"}, {}, confirm=confirm)) == ["DELETE"]


def test_a_person_is_shown_the_changes_before_they_are_made() -> None:
    assert "--confirm-changeset" in command("default", {"A": "b"}, {}, confirm=True)


def test_a_person_is_asked_only_for_what_accounts_differ_in() -> None:
    asked = []

    def read(prompt: str) -> str:
        asked.append(prompt.split(maxsplit=1)[0])
        return ""

    ask({}, read)

    assert tuple(asked) == ASKED
    parameters = load_template(ROOT / "template.yaml")["Parameters"]
    local = [name for name, one in parameters.items() if "Local stack only" in one["Description"]]
    assert local
    assert not set(local) & set(ASKED)


def test_an_empty_answer_keeps_what_the_stack_has_and_else_the_default() -> None:
    answers = ask({"PruneMode": "approve"}, lambda _prompt: "")

    assert answers["PruneMode"] == "approve"
    assert answers["ScheduleTimezone"] == "UTC"


def test_an_answer_is_taken() -> None:
    assert ask({}, lambda _prompt: " Europe/Berlin ")["ScheduleTimezone"] == "Europe/Berlin"
