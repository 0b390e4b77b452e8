"""What runs inside the emulator's process: MiniStack on a socket that its starter opened.

``local.emulator`` starts it with the Python of ``.venv-emulator``, where nothing of ours is.

* It serves the listening socket whose number it is given, so that two stacks that start at once
  never meet on one port.
* It ends, with its Lambda workers, when its standard input does: when its starter stopped it, or
  ended in whatever way.
* MiniStack fails on a function's answer whose body is null, which API Gateway takes for empty, and
  gives an answer of 204 a ``Content-Length``, which HTTP forbids. Both are put right here.
* It keeps a ``MaximumConcurrency`` that comes from a parameter as a text, and fails on it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import hypercorn.asyncio
import hypercorn.config
from ministack import app as ministack
from ministack.services import lambda_svc

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_KEEP_ALIVE_SECONDS = 75.0
"""As MiniStack's own command has it."""


def main() -> None:
    """Serve until stopped, or until the starter has ended."""
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    ministack._send_response = _without_a_missing_body(ministack._send_response)  # noqa: SLF001
    honest = lambda_svc._sqs_esm_concurrency  # noqa: SLF001
    lambda_svc._sqs_esm_concurrency = lambda *given: honest(_with_a_number(given[0]), *given[1:])  # noqa: SLF001
    config = hypercorn.config.Config()
    config.bind = [f"fd://{int(sys.argv[1])}"]
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    config.loglevel = "INFO"
    asyncio.run(hypercorn.asyncio.serve(ministack.app, config))


def _with_a_number(mapping: dict[str, Any]) -> dict[str, Any]:
    scaling = mapping.get("ScalingConfig") or {}
    return mapping | {"ScalingConfig": {name: int(value) for name, value in scaling.items()}}


def _end_with_the_starter() -> None:
    os.read(0, 1)  # sys.stdin has a lock, which the end of the interpreter would wait for
    os.killpg(os.getpid(), signal.SIGKILL)


def _without_a_missing_body(
    send_response: Callable[..., Awaitable[None]],
) -> Callable[..., Awaitable[None]]:
    async def send(
        send: Any, status: int, headers: dict[str, Any], body: Any, *, head: bool = False
    ) -> None:
        if status == HTTPStatus.NO_CONTENT:
            left = {name: value for name, value in headers.items() if not _is_about_body(name)}
            # MiniStack leaves the length away for what answers HEAD.
            await send_response(send, status, left, b"", head=True)
        else:
            await send_response(send, status, headers, b"" if body is None else body, head=head)

    return send


def _is_about_body(name: str) -> bool:
    return name.lower() in {"content-length", "content-type"}


if __name__ == "__main__":
    main()
