"""Policy documents as people write them: JSON, JSON with comments, or YAML."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from pinecone_backup_cli.errors import CliError, Exit
from pinecone_backup_cli.jsonc import without_comments

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path


def read_policy(path: Path) -> bytes:
    """A policy document as JSON. The end of its name says what it is.

    ``.jsonc`` may have comments, ``.yaml`` and ``.yml`` are YAML, all else is JSON as it stands.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not what its name says.
    """
    if path.suffix == ".jsonc":
        return without_comments(path.read_text(encoding="utf-8")).encode()
    if path.suffix in (".yaml", ".yml"):
        return json.dumps(from_yaml(path.read_text(encoding="utf-8")), indent=2).encode()
    return path.read_bytes()


def read_document(path: Path) -> dict[str, Any]:
    """The same, as the API takes it.

    Raises:
        CliError: The file cannot be read, or holds no JSON object.
    """
    try:
        document = json.loads(read_policy(path), object_pairs_hook=_each_key_once)
    except OSError as error:
        raise CliError(
            f"{path} cannot be read: {error.strerror or error}",
            exit=Exit.USAGE,
            next_step="Give the path of a policy document: .json, .jsonc or .yaml.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise CliError(
            f"{path} cannot be read: {error}",
            exit=Exit.USAGE,
            next_step="JSON with comments is for files called .jsonc, YAML for .yaml."
            if path.suffix == ".json"
            else "Mend that place; docs/policy.example.jsonc shows a whole document.",
        ) from error
    if not isinstance(document, dict):
        raise CliError(
            f"{path} is no policy document: it holds no object",
            exit=Exit.USAGE,
            next_step="docs/policy.example.jsonc shows a whole document.",
        )
    return document


def from_yaml(text: str) -> object:
    """What a text in YAML says, as JSON can hold it.

    Raises:
        ValueError: It is no YAML, gives a key twice, or asks for more than plain values.
    """
    import yaml  # noqa: PLC0415 - only where somebody writes YAML

    class Loader(yaml.SafeLoader):
        """Reads what JSON can hold: dates stay texts, and no key comes twice."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class has it
            first: [(tag, pattern) for tag, pattern in resolvers if "timestamp" not in tag]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def construct_mapping(
            self, node: yaml.MappingNode, deep: bool = False
        ) -> dict[Hashable, Any]:
            _each_key_once([(str(key.value), None) for key, _ in node.value])
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load(text, Loader)  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Half a policy would vanish unseen where the last of two equal keys wins."""
    for key, times in Counter(key for key, _ in pairs).items():
        if times > 1:
            raise ValueError(f"the key {key!r} is given {times} times in one object")
    return dict(pairs)
