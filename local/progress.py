"""What is going on, while it goes on: moving on a terminal, line by line in a pipe or a file."""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console


@contextmanager
def step(console: Console, what: str) -> Iterator[None]:
    """Show a step as long as it goes on, and how long it took when it went well."""
    began = monotonic()
    if not console.is_terminal:
        console.print(f"  ...   {what}", highlight=False, soft_wrap=True)
    with console.status(what):
        yield
    took = f"[dim]({monotonic() - began:.1f} s)[/dim]"
    console.print(f"  [green]done[/green]  {what} {took}", highlight=False, soft_wrap=True)


@contextmanager
def hours(console: Console, total: int) -> Iterator[Callable[[str, str], None]]:
    """Show the hours of a day; yields what is called at the beginning of each.

    Args:
        console: Where to.
        total: The number of hours.

    Yields:
        Takes the time of day and what happens then.
    """
    columns = (
        TextColumn("  {task.fields[time]}"),
        BarColumn(bar_width=24),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total, time="")
        begun = 0

        def begin(time: str, what: str) -> None:
            nonlocal begun
            progress.update(task, completed=begun, time=time, description=what)
            begun += 1
            if not console.is_terminal:
                console.print(f"  {time}  {what}", highlight=False, soft_wrap=True)

        yield begin
