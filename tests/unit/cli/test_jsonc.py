"""JSON with comments: what a person may write, and what reaches the parser."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from local import preview
from local.docs import DOCS
from pinecone_backup_cli.jsonc import without_comments

if TYPE_CHECKING:
    from pathlib import Path

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
COMMENTS = st.sampled_from(['// a " quote\n', "/* two\nlines */", "// */ \n", "/* // */", "\n"])


@given(VALUES, COMMENTS, COMMENTS, st.booleans())
def test_a_commented_document_is_the_document(
    value: object, before: str, after: str, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=ascii_only)
    commented = before + text.replace(",\n", f", {after}\n") + after
    # What looks like the end of a line inside a text does not occur: JSON escapes it.
    assert json.loads(without_comments(commented)) == value


@given(VALUES)
def test_a_document_without_comments_stays_as_it_is(value: object) -> None:
    text = json.dumps(value)
    assert without_comments(text) == text


def test_an_error_after_a_comment_is_reported_at_its_own_place() -> None:
    commented = '{\n  // two words\n  "a": /* here */ oops\n}'
    with pytest.raises(json.JSONDecodeError) as error:
        json.loads(without_comments(commented))
    assert (error.value.lineno, error.value.colno) == (3, 19)


def test_the_commented_example_can_be_previewed() -> None:
    console = Console(file=io.StringIO(), width=100)
    assert preview.main(["--policy", str(DOCS / "policy.example.jsonc")], console) == 0


def test_comments_in_a_file_that_is_called_json_are_refused_as_the_product_refuses_them(
    tmp_path: Path,
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text((DOCS / "policy.example.jsonc").read_text())
    assert preview.main(["--policy", str(policy)], Console(file=io.StringIO())) == 1
