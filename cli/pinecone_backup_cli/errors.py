"""What goes wrong, each with the exit code that scripts go by. ``cli/README.md`` lists them."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pinecone_backup_cli.api import Problem


class Exit(IntEnum):
    """Exit codes."""

    FINE = 0
    WRONG = 1
    """The product says that something is wrong."""
    USAGE = 2
    """The command or what it was given is not valid."""
    REFUSED = 3
    """A rule forbids it, something stands in the way, or Pinecone refuses it."""
    NOT_FOUND = 4
    UNREACHABLE = 5
    """The API cannot be found or reached, or may not be asked."""
    FAILED = 6
    """The API, its storage or Pinecone failed; asking again later may help."""
    UNKNOWN = 7
    """It may or may not have happened: look before asking again."""


_OF_PROBLEMS = {
    Exit.USAGE: (
        *("invalid-request", "key-reused", "method-not-allowed", "pinecone-refused"),
        *("too-large", "unsupported-media-type"),
    ),
    Exit.REFUSED: (
        *("approval-refused", "busy", "conflict", "in-progress", "not-ready", "rule-forbids"),
        *("pinecone-forbids", "pinecone-payment", "pinecone-plan", "pinecone-protected"),
        *("pinecone-quota", "policy-changed", "precondition-required"),
    ),
    Exit.NOT_FOUND: ("not-found",),
    Exit.UNREACHABLE: ("forbidden", "no-such-route"),
    Exit.FAILED: (
        *("internal", "not-configured", "pinecone-answer", "pinecone-key"),
        *("pinecone-unavailable", "storage-unavailable", "throttled"),
    ),
    Exit.UNKNOWN: ("outcome-unknown",),
}
EXIT_OF_PROBLEM = {slug: code for code, slugs in _OF_PROBLEMS.items() for slug in slugs}
"""By the last part of a problem's ``type``."""


_NEXT_STEPS = {
    Exit.USAGE: "--help shows how, with an example.",
    Exit.NOT_FOUND: "`pinecone-backup indexes`, `backups` and `runs` list what there is.",
}
"""Where the API names none."""


class CliError(Exception):
    """Something that ends the command.

    Attributes:
        next_step: What to do about it, or empty.
        exit: The exit code.
    """

    def __init__(self, message: str, *, exit: Exit, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step
        self.exit = exit


class ApiProblem(CliError):
    """The API answered with a problem (RFC 9457).

    Attributes:
        slug: What kind of problem, for ever: the last part of its ``type``.
        problem: What it answered.
    """

    def __init__(self, problem: Problem) -> None:
        self.slug = problem.type.rpartition(":")[2]
        unknown = Exit.REFUSED if problem.status < 500 else Exit.FAILED  # noqa: PLR2004
        code = EXIT_OF_PROBLEM.get(self.slug, unknown)
        super().__init__(
            problem.detail or problem.title,
            exit=code,
            next_step=problem.next_step or _NEXT_STEPS.get(code, ""),
        )
        self.problem = problem
