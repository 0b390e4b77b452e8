"""JSON with comments, as the commented example of a policy is written.

The product takes plain JSON only. ``make preview`` reads both, and ``python -m local.jsonc FILE``
prints a commented file without its comments, ready to be stored.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_TEXT_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def without_comments(text: str) -> str:
    """The text with blanks for every ``//`` and ``/* */`` comment.

    What remains keeps its line and column, so that a parser's errors point into the original.
    """
    return _TEXT_OR_COMMENT.sub(_blanked, text)


def read_policy(path: Path) -> bytes:
    """A policy document's JSON; a file whose name ends in ``.jsonc`` may have comments."""
    if path.suffix == ".jsonc":
        return without_comments(path.read_text(encoding="utf-8")).encode()
    return path.read_bytes()


def _blanked(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else re.sub(r"[^\n]", " ", found[0])


if __name__ == "__main__":
    plain = without_comments(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print("\n".join(line.rstrip() for line in plain.splitlines() if line.strip()))
