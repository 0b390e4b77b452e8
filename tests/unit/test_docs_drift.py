"""What stands in ``docs/`` is what the code does."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from local.docs import DOCS, examples_on, generated, with_examples
from local.examples import EXAMPLES
from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.rules.policy import parse_policy
from pinecone_backup.rules.policy_warnings import WarningCode, warnings
from pinecone_backup.rules.protection import Safeguard
from pinecone_backup_cli.jsonc import without_comments

ROOT = DOCS.parent
REFERENCE = (DOCS / "policy-reference.md").read_text()
RULES = (DOCS / "rules.md").read_text()
SCHEMA = json.loads((DOCS / "policy.schema.json").read_text())
EXAMPLE = (DOCS / "policy.example.json").read_text()
DEFINED = set(re.findall(r"^- \*\*([A-Z]\d)\*\*", RULES, re.MULTILINE))


@pytest.mark.parametrize("path", sorted(generated()), ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path: Path) -> None:
    """When this fails, run ``python -m local.docs`` and read what changed."""
    assert path.read_text() == generated()[path]


def test_every_example_is_shown_once() -> None:
    assert sorted(examples_on(REFERENCE)) == sorted(EXAMPLES)


def test_an_outdated_example_is_noticed() -> None:
    assert "2026-03-03" in REFERENCE
    assert with_examples(REFERENCE.replace("2026-03-03", "2026-02-28")) == REFERENCE


@pytest.mark.parametrize("rule", ["C1", "I2", "I3", "I5", "G1", "G2", "G3"])
def test_rules_that_a_policy_writer_meets_are_shown_at_work(rule: str) -> None:
    assert re.search(rf"^##.*\b{rule}\b", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize(
    "rule", sorted(rule for rule in DEFINED if rule[0] in "KD" and rule != "K1")
)
def test_every_rule_of_retention_and_deletion_is_shown_at_work(rule: str) -> None:
    assert re.search(rf"^##.*\b{rule}\b", REFERENCE, re.MULTILINE)


def test_the_rules_that_are_cited_are_those_that_are_defined() -> None:
    """Code, tests and pages cite rules by number; ``docs/rules.md`` says what they are."""
    sources = [
        path
        for folder in ("layers", "functions", "local", "tests", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md"} and path.is_file()
    ]
    cited = re.compile(r"(?:\b(?:rules? |and |to )|\(|, |\"\"\")([ITCGKDFRNU]\d)(?![\w-])")
    found = {rule for path in sources for rule in cited.findall(path.read_text())}
    assert found == DEFINED


def test_the_table_of_safeguards_is_the_codes() -> None:
    """D1: each safeguard once, in order, and whether a person may overrule it."""
    table = RULES.partition("| safeguard | protects a backup |")[2]
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| (yes|no)[^|]*\|$", table, re.MULTILINE)
    assert rows == [(each, "yes" if each.overrulable else "no") for each in Safeguard]


def test_every_warning_is_in_the_reference() -> None:
    table = REFERENCE.partition("| code | what it warns of |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(WarningCode)


def test_links_between_pages_lead_somewhere() -> None:
    pages = sorted(DOCS.glob("*.md"))
    targets = {
        (page.name, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    }
    assert targets
    assert [link for link in sorted(targets) if not (DOCS / link[1]).exists()] == []


# The example document


def test_the_example_document_is_valid() -> None:
    document = parse_policy(EXAMPLE)
    assert [policy.name for policy in document.policies] == ["gold", "silver", "bronze", "built-in"]


def test_the_example_document_has_no_warnings() -> None:
    assert warnings(parse_policy(EXAMPLE), now=datetime(2026, 11, 22, tzinfo=UTC)) == []


def test_the_commented_example_is_the_same_document() -> None:
    """Comments stand on lines of their own; without them the text is the plain one."""
    commented = (DOCS / "policy.example.jsonc").read_text()
    lines = without_comments(commented).splitlines(keepends=True)
    assert "".join(line for line in lines if not line.isspace()) == EXAMPLE


def test_the_commented_example_explains_each_part_of_the_document() -> None:
    commented = (DOCS / "policy.example.jsonc").read_text()
    assert set(re.findall(r'^  // .+\n  "(\w+)":', commented, re.MULTILINE)) == set(
        json.loads(EXAMPLE)
    )


# The schema


def test_the_example_satisfies_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(EXAMPLE), SCHEMA)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["color"], "blue"),
        (["projects"], []),
        (["projects", 0, "name"], "Main"),
        (["projects", 0, "quota"], 0),
        (["policies", 0, "floor"], 0),
        (["policies", 0, "floor"], "2"),
        (["policies", 0, "max_age"], "soon"),
        (["policies", 0, "max_age"], ""),
        (["policies", 0, "retention"], {"keep_daily": -2}),
        (["policies", 0, "retention"], {"keep_daily": 1, "max_count": 2}),
        (["policies", 1, "retention", "keep_within"], "1w"),
        (["policies", 3, "native_schedule", "frequency"], "hourly"),
        (["assignments", 0, "tags"], {"env": 1}),
        (["orphans", "after"], 29),
        (["limits", "per_run", "percent"], 101),
    ],
)
def test_an_editor_with_the_schema_sees_what_the_product_refuses(
    path: list[str | int], value: object
) -> None:
    document = json.loads(EXAMPLE)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(PolicyInvalid):
        parse_policy(json.dumps(document))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)
