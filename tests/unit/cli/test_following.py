"""Following what takes long, to whatever end it comes."""

from __future__ import annotations

import pytest

from pinecone_backup_cli import session
from pinecone_backup_cli.errors import Exit
from tests.support.command_line import CommandLine, fine, problem, scripted


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PAUSE", 0)


def a_run(state: str) -> tuple[int, str, bytes]:
    return fine(
        {
            "run_id": "20261122t120000z-audit-4f1c2a",
            "kind": "audit",
            "trigger": "api",
            "actor": "ada",
            "state": state,
            "time": "2026-11-22T12:00:00Z",
            "started_at": "2026-11-22T12:00:00Z",
            "finished_at": None,
            "policy_version": "v1",
            "summary": {},
            "error": "",
        }
    )


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("succeeded", Exit.FINE),
        ("failed", Exit.WRONG),
        ("stopped", Exit.WRONG),
        ("of_a_later_version", Exit.WRONG),
    ],
)
def test_how_a_run_ended_is_the_exit_code(run: CommandLine, end: str, code: Exit) -> None:
    looks = (a_run("requested"), a_run("requested"), a_run("running"), a_run("running"), a_run(end))
    with scripted(*looks) as server:
        said = run(
            *("runs", "start", "audit", "--wait", "--json"),
            *("--project", "main", "--url", server.url),
        )
    assert (said.code, said.json["state"]) == (code, end)
    assert [line.rpartition(": ")[2] for line in said.err.splitlines()] == ["requested", "running"]
    assert [request.method for request in server.requests] == ["POST", *["GET"] * 4]


def test_what_breaks_the_looking_ends_it(run: CommandLine) -> None:
    with scripted(a_run("requested"), a_run("running"), problem("not-found", 404)) as server:
        said = run("runs", "start", "audit", "--wait", "--project", "main", "--url", server.url)
    assert said.code == Exit.NOT_FOUND
