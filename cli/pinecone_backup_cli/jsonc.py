"""JSON with comments, as the commented example of a policy is written."""

from __future__ import annotations

import re

_TEXT_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def without_comments(text: str) -> str:
    """The text with blanks for every ``//`` and ``/* */`` comment.

    What remains keeps its line and column, so that a parser's errors point into the original.
    """
    return _TEXT_OR_COMMENT.sub(_blanked, text)


def _blanked(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else re.sub(r"[^\n]", " ", found[0])
