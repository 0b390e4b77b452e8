"""The webhook receiver of the local stack, used by hand."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from local.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as http:
        yield http


def test_it_shows_what_came_and_forgets_it(receiver: Receiver, http: httpx.Client) -> None:
    http.post(receiver.url("/slack/x"), json={"text": "ä"})

    [shown] = http.get(receiver.url("/received")).json()
    assert (shown["path"], shown["status"], shown["verified"]) == ("/slack/x", 200, None)
    assert "ä" in shown["body"]
    http.delete(receiver.url("/received"))
    assert http.get(receiver.url("/received")).json() == []


def test_it_misbehaves_as_often_and_where_it_was_asked_to(
    receiver: Receiver, http: httpx.Client
) -> None:
    order = {"answer": "rate-limit", "times": 2, "path": "/slack", "retry_after": "9"}
    assert http.put(receiver.url("/behaviour"), json=order).status_code == 204

    answers = [http.post(receiver.url(path)) for path in ("/slack", "/teams", "/slack", "/slack")]

    assert [answer.status_code for answer in answers] == [429, 202, 429, 200]
    assert answers[0].headers["retry-after"] == "9"


@pytest.mark.parametrize("order", ["x", "{}", "[]", '{"answer": "dance"}', '{"answer": []}'])
def test_an_order_that_it_does_not_understand_is_refused(
    receiver: Receiver, http: httpx.Client, order: str
) -> None:
    answer = http.put(receiver.url("/behaviour"), content=order)

    assert answer.status_code == 400
    assert "hidden-rate-limit" in answer.text


def test_an_unsigned_webhook_is_not_verified(receiver: Receiver, http: httpx.Client) -> None:
    assert http.post(receiver.url("/standard"), content=b"{}").status_code == 401
    assert receiver.received[0].problem == "there is no secret to verify with"


def test_it_runs_from_the_command_line(http: httpx.Client) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-u", "-m", "local.receiver", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert http.get(f"http://127.0.0.1:{port}/received").json() == []
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "Stopped.\n"
    assert said.startswith(f"Listening on http://127.0.0.1:{port}/; ")
    assert process.returncode == 0
