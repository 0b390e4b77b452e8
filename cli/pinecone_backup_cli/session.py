"""What every command works with: the API, the project that is meant, and where to print."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Self

from cyclopts import Parameter

from pinecone_backup_cli.errors import CliError, Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinecone_backup_cli.api import Api
    from pinecone_backup_cli.view import Screens

PAUSE = 2.0
"""Seconds between two looks at something that takes long."""


@Parameter(parse=False)
class Session:
    """One call of the command line.

    Attributes:
        screens: Where to print.
        named: The project that the caller named, or None.
    """

    def __init__(
        self,
        connect: Callable[[], Api],
        project: str | None,
        screens: Screens,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """``connect`` is called when the API is asked first; ``pause`` waits for seconds."""
        self._connect = connect
        self.named = project
        self._pause = pause
        self.screens = screens

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "api" in vars(self):
            self.api.close()

    @cached_property
    def api(self) -> Api:
        """The API.

        Raises:
            CliError: It cannot be found, or there are no credentials.
        """
        return self._connect()

    @cached_property
    def projects(self) -> list[str]:
        """The project that was named, or all of the policy document."""
        if self.named:
            return [self.named]
        return [project.name for project in self.api.list_projects().data]

    @cached_property
    def project(self) -> str:
        """The project that was named, or the only one.

        Raises:
            CliError: There are several, or none.
        """
        match self.projects:
            case [only]:
                return only
            case []:
                raise CliError(
                    "The policy document names no project",
                    exit=Exit.FAILED,
                    next_step="Put a policy document into the stack's bucket: see the README.",
                )
            case several:
                raise CliError(
                    f"This deployment has several projects: {', '.join(several)}",
                    exit=Exit.USAGE,
                    next_step="Give --project or PINECONE_BACKUP_PROJECT.",
                )

    def follow[T](
        self,
        what: str,
        look: Callable[[], T],
        *,
        state: Callable[[T], str],
        ended: Callable[[T], bool],
    ) -> T:
        """Look at something until it has ended, and show on standard error how it goes.

        Args:
            what: That is followed.
            look: Asks for it.
            state: How far it is, in words.
            ended: Whether that was the end.
        """
        console, said = self.screens.err, ""
        with console.status(what) as status:
            while not ended(seen := look()):
                if (now := f"{what}: {state(seen)}") != said:
                    said = now
                    status.update(now)
                    if not console.is_terminal:
                        console.print(now)
                self._pause(PAUSE)
        return seen
