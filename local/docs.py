"""Writes what is generated: schema, OpenAPI document, the reference's examples, the client.

``python -m local.docs`` brings the files up to date; a test fails while they are not.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from local.client_models import client_text
from local.examples import EXAMPLES
from local.openapi import document, openapi_text, with_problems
from pinecone_backup.rules.policy import PolicyDocument

DOCS = Path(__file__).resolve().parent.parent / "docs"
CLIENT = DOCS.parent / "cli/pinecone_backup_cli/api.py"
_BLOCK = re.compile(r"(<!-- example: ([a-z0-9-]+) -->\n```text\n).*?(```\n)", re.DOTALL)


def generated() -> dict[Path, str]:
    """Every generated file with the text that it should have."""
    reference, api = DOCS / "policy-reference.md", DOCS / "api.md"
    return {
        api: with_problems(api.read_text()),
        CLIENT: client_text(document()),
        DOCS / "openapi.json": openapi_text(),
        DOCS / "policy.schema.json": policy_schema(),
        reference: with_examples(reference.read_text()),
    }


def policy_schema() -> str:
    """The JSON Schema of the policy document."""
    schema = PolicyDocument.model_json_schema()
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pinecone Backup policy document",
    }
    return json.dumps({**schema, **head}, indent=2, sort_keys=True) + "\n"


def with_examples(page: str) -> str:
    """The page with every example's answer in its place.

    Raises:
        KeyError: The page asks for an example that does not exist.
    """
    return _BLOCK.sub(lambda block: f"{block[1]}{EXAMPLES[block[2]]()}\n{block[3]}", page)


def examples_on(page: str) -> list[str]:
    """The names of the examples that a page shows."""
    return [block[2] for block in _BLOCK.finditer(page)]


def main() -> None:
    """Bring the files up to date, and say which were not."""
    for path, text in generated().items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main()
