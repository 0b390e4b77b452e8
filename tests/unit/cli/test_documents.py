"""Policy documents as people write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from local.docs import DOCS
from pinecone_backup_cli.documents import from_yaml, read_document, read_policy
from pinecone_backup_cli.errors import CliError, Exit

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE: dict[str, Any] = json.loads((DOCS / "policy.example.json").read_text())
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
)


def test_the_example_is_the_same_in_json_with_comments_and_in_yaml(tmp_path: Path) -> None:
    in_yaml = tmp_path / "policy.yaml"
    in_yaml.write_text(yaml.safe_dump(EXAMPLE))
    assert read_document(in_yaml) == EXAMPLE
    assert read_document(DOCS / "policy.example.jsonc") == EXAMPLE
    assert read_document(DOCS / "policy.example.json") == EXAMPLE


@given(st.dictionaries(TEXTS, VALUES))
def test_yaml_gives_what_was_written(document: dict[str, Any]) -> None:
    assert from_yaml(yaml.safe_dump(document, allow_unicode=True)) == document


def test_a_date_in_yaml_stays_the_text_that_was_written(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yml"
    policy.write_text("until: 2027-06-30\n")
    assert json.loads(read_policy(policy)) == {"until": "2027-06-30"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", '{"version": 1, "version": 2}', "'version' is given 2 times"),
        ("a.yaml", "version: 1\nversion: 2\n", "'version' is given 2 times"),
        ("a.json", "{ // no\n}", "line 1 column 3"),
        ("a.jsonc", "{ // yes\n oops }", "line 2 column 2"),
        ("a.yaml", "a: [", "line 1, column 5"),
        ("a.json", "[]", "holds no object"),
        ("a.yaml", "!!python/object:os.system {}", "could not determine a constructor"),
    ],
)
def test_what_is_no_document_is_refused_at_its_place(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    policy = tmp_path / name
    policy.write_text(text)
    with pytest.raises(CliError) as raised:
        read_document(policy)
    assert raised.value.exit is Exit.USAGE
    assert said in str(raised.value)
    assert str(policy) in str(raised.value)
    assert raised.value.next_step


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nothing.json"
    with pytest.raises(CliError) as raised:
        read_document(file)
    assert str(raised.value) == f"{file} cannot be read: No such file or directory"
    assert raised.value.next_step
