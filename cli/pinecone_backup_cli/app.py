"""The command line: the commands, the options of all of them, and how each ends."""

from __future__ import annotations

import inspect
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Group, Parameter

from pinecone_backup_cli.commands import (
    backups,
    deletions,
    evidence,
    findings,
    holds,
    indexes,
    plans,
    policy,
    restores,
    runs,
    status,
    suspects,
    why,
)
from pinecone_backup_cli.errors import CliError, Exit
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Screens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinecone_backup_cli.api import Api

_HELP = """Backups of Pinecone indexes: is anything wrong, what to restore from, what goes next.

It finds the deployment by its stack's name and region, signs with your AWS credentials (profiles,
SSO and assumed roles work as with `aws`), and asks the deployment's API.
"""
_EPILOGUE = (
    "Exit codes: 0 fine, 1 something is wrong, 2 usage, 3 refused, 4 not found, 5 the API cannot "
    "be reached or asked, 6 it failed, 7 it may or may not have happened: look before you repeat."
)
INTERRUPTED = 130


def _version() -> str:
    try:
        return version("pinecone-backup-cli")
    except PackageNotFoundError:  # run from a checkout
        return "not installed"


app = App(
    name="pinecone-backup",
    help=_HELP,
    help_epilogue=_EPILOGUE,
    version=_version,
    default_parameter=Parameter(negative=(), show_default=False),
    result_action="return_value",
    help_format="markdown",
)
_LOOK = Group("Look", sort_key=1)
_ACT = Group("Act", sort_key=2)
_EVERYWHERE = Group("Everywhere", sort_key=9)


def _group(name: str, place: Group, text: str, **commands: Callable[..., Answer]) -> None:
    """Commands about one thing; ``default`` is what the bare name does, and its help goes along."""
    default = commands.pop("default", None)
    more = inspect.cleandoc(default.__doc__ or "").partition("\n")[2] if default else ""
    help_text = f"{text}\n{more.partition('Args:')[0]}".rstrip()
    about = App(name=name, help=help_text, group=place)
    if default:
        about.default(default)
    for each, command in commands.items():
        about.command(command, name=each)
    app.command(about)


app.command(status.status, group=_LOOK)
app.command(indexes.indexes, group=_LOOK)
app.command(backups.backups, group=_LOOK)
app.command(why.why, group=_LOOK)
_group(
    "findings",
    _LOOK,
    "What is wrong.",
    default=findings.findings,
    show=findings.show,
    ack=findings.ack,
)
_group(
    "suspects",
    _LOOK,
    "Backups that look empty or shrunk.",
    default=suspects.suspects,
    accept=suspects.accept,
)
_group(
    "runs",
    _LOOK,
    "Executions of create, prune, audit and restore_test.",
    default=runs.runs,
    show=runs.show,
    start=runs.start,
)
app.command(restores.restore_point, group=_LOOK)
_group(
    "restores",
    _LOOK,
    "Restores that people asked for, and restore tests.",
    default=restores.restores,
    show=restores.show,
)
_group(
    "tests",
    _LOOK,
    "Restore tests: proofs that backups come back.",
    default=restores.list_tests,
    show=restores.show,
)
app.command(holds.holds, group=_LOOK)
app.command(status.open_report, name="open", group=_LOOK)
app.command(status.health, group=_LOOK)
app.command(backups.backup, group=_ACT)
app.command(restores.restore, group=_ACT)
app.command(restores.restore_jobs, group=_ACT)
app.command(restores.adopt, group=_ACT)
app.command(holds.hold, group=_ACT)
app.command(holds.release, group=_ACT)
_group(
    "plan",
    _ACT,
    "What a prune would delete, and the approval of it.",
    default=plans.newest,
    list=plans.list_plans,
    show=plans.show,
    approve=plans.approve,
    execute=plans.execute,
)
app.command(backups.delete, group=_ACT)
_group(
    "deletions",
    _LOOK,
    "What was deleted, by whom, why, and what was left.",
    default=deletions.deletions,
    show=deletions.show,
)
_group(
    "policy",
    _ACT,
    "What is protected, and how.\n\nExample: `pinecone-backup policy diff policy.yaml`",
    show=policy.show,
    validate=policy.validate,
    preview=policy.preview,
    put=policy.put,
    history=policy.history,
    diff=policy.diff,
)
_group(
    "evidence",
    _LOOK,
    "Was anything changed?\n\nExample: `pinecone-backup evidence verify FOLDER`",
    verify=evidence.verify,
)
app.meta.register_install_completion_command()


@app.meta.default
def pinecone_backup(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    project: Annotated[
        str | None, Parameter(env_var="PINECONE_BACKUP_PROJECT", group=_EVERYWHERE)
    ] = None,
    stack: Annotated[
        str, Parameter(env_var="PINECONE_BACKUP_STACK", group=_EVERYWHERE)
    ] = "pinecone-backup",
    region: Annotated[
        str | None,
        Parameter(env_var=("AWS_REGION", "AWS_DEFAULT_REGION"), group=_EVERYWHERE),
    ] = None,
    profile: Annotated[str | None, Parameter(group=_EVERYWHERE)] = None,
    url: Annotated[str | None, Parameter(env_var="PINECONE_BACKUP_URL", group=_EVERYWHERE)] = None,
    json: Annotated[bool, Parameter(group=_EVERYWHERE)] = False,
) -> int:
    """Read the options of all commands, then run the one that is meant.

    Args:
        project: The Pinecone project; needless where the policy document names only one.
        stack: The deployment's CloudFormation stack; pinecone-backup unless given.
        region: Its region; the profile's unless given.
        profile: The AWS profile; the environment's unless given.
        url: The API's URL (the stack's output ApiUrl), instead of stack.
        json: Answer in JSON, for programs: the API's own models, errors as problem details.
    """
    screens = Screens.standard(json=json)

    def connected() -> Api:
        from pinecone_backup_cli.connection import Target, connect  # noqa: PLC0415 - botocore

        return connect(Target(stack=stack, region=region, profile=profile, url=url))

    try:
        command, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
        with Session(connected, project, screens) as session:
            if "session" in inspect.signature(command).parameters:
                bound.arguments["session"] = session
            answer = command(*bound.args, **bound.kwargs)
        return screens.show(answer) if isinstance(answer, Answer) else Exit.FINE
    except CliError as error:
        return screens.complain(error)
    except CycloptsError as error:
        return screens.complain(_usage(error))
    except KeyboardInterrupt:
        screens.err.print("Interrupted. What was asked for goes on; only the looking ended.")
        return INTERRUPTED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code.

    Args:
        arguments: Instead of the process's own.
    """
    try:
        code = app.meta(
            arguments, result_action="return_value", exit_on_error=False, print_error=False
        )
        sys.stdout.flush()
    except CycloptsError as error:
        return Screens.standard().complain(_usage(error))
    except BrokenPipeError:  # as of `| head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FINE
    return code if isinstance(code, int) else Exit.FINE


def _usage(error: CycloptsError) -> CliError:
    command = " ".join((app.name[0], *(error.command_chain or ())))
    return CliError(
        str(error), exit=Exit.USAGE, next_step=f"`{command} --help` shows how, with an example."
    )
