"""``make up``, ``make down`` and ``make clean`` in two checkouts, one with a space in its path."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from local.build import build, host_architecture
from local.emulator import ROOT
from tests.support.deployed import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.emulator

COPIED = ("dashboard.yaml", "docs", "events", "functions", "layers", "local", "template.yaml")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of this checkout, built already."""

    root: Path

    def start(self, what: str) -> subprocess.Popen[str]:
        """Begin what ``make up``, ``make down`` or ``make clean`` run."""
        return subprocess.Popen(
            [sys.executable, "-m", "local.up", what],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": "layers/pinecone_backup:."},
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, what: str) -> tuple[int, str]:
        """Do it; exit code and output."""
        with self.start(what) as process:
            output, _ = process.communicate(timeout=120)
            return process.returncode, output

    def up(self) -> Mapping[str, str]:
        """Make it be up; the addresses."""
        code, output = self.do("up")
        assert (code, "The local stack is up" in output) == (0, True), output
        return self.addresses()

    def addresses(self) -> Mapping[str, str]:
        found: dict[str, str] = json.loads((self.root / ".run" / "up.json").read_text())
        return found

    def keeper(self) -> int:
        return int((self.root / ".run" / "up" / "lock").read_text())


@pytest.fixture(scope="module")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Checkout, Checkout]]:
    build(host_architecture())
    folder = tmp_path_factory.mktemp("checkouts")
    pair = _copy(folder / "one"), _copy(folder / "one more")
    yield pair
    for each in pair:
        each.do("down")


def _copy(root: Path) -> Checkout:
    root.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, root / name)
    (root / ".venv-emulator").symlink_to(ROOT / ".venv-emulator")
    shutil.copytree(ROOT / ".build" / host_architecture(), root / ".build" / host_architecture())
    return Checkout(root)


def urls(up: Mapping[str, str]) -> list[str]:
    return [value for value in up.values() if value.startswith("http")]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10):  # noqa: S310 - loopback
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False


def test_two_checkouts_are_up_side_by_side_and_one_goes_down_alone(
    checkouts: tuple[Checkout, Checkout],
) -> None:
    one, other = checkouts
    first, second = one.up(), other.up()
    assert not set(urls(first)) & set(urls(second))
    assert one.do("down") == (0, "The local stack is down.\n")
    assert not any(map(answers, urls(first)))
    assert all(map(answers, urls(second)))


def test_up_again_changes_nothing_and_says_where_it_is(
    checkouts: tuple[Checkout, Checkout],
) -> None:
    _, other = checkouts
    before = other.up()
    code, output = other.do("up")
    assert (code, other.addresses()) == (0, before)
    assert "up already" in output
    assert before["api"] in output


def test_the_api_behind_its_page_serves_the_demo_project(
    checkouts: tuple[Checkout, Checkout],
) -> None:
    page = checkouts[1].up()["page"]
    with urllib.request.urlopen(f"{page}/v1/projects/main/indexes", timeout=30) as answer:  # noqa: S310
        names = {index["name"] for index in json.loads(answer.read())["data"]}
    assert "products" in names


def test_the_shell_that_sources_up_env_knows_region_and_addresses(
    checkouts: tuple[Checkout, Checkout],
) -> None:
    other = checkouts[1]
    up = other.up()
    shown = "echo $AWS_REGION $AWS_DEFAULT_REGION $AWS_ENDPOINT_URL $API"
    output = subprocess.run(
        ["bash", "-c", f"source .run/up.env && {shown}"],
        cwd=other.root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output.split() == ["eu-central-1", "eu-central-1", up["emulator"], up["api"]]


def test_clean_stops_what_is_up_before_anything_is_removed(
    checkouts: tuple[Checkout, Checkout],
) -> None:
    other = checkouts[1]
    up = other.up()
    assert other.do("clean") == (0, "The local stack is down.\n")
    assert not answers(up["emulator"])


def test_nothing_outlives_a_keeper_that_was_killed(checkouts: tuple[Checkout, Checkout]) -> None:
    other = checkouts[1]
    up = other.up()
    os.kill(other.keeper(), signal.SIGKILL)
    until(lambda: not any(map(answers, urls(up))), seconds=20, what="the end of all")
    assert other.do("down") == (0, "Nothing is up in this checkout.\n")
    assert not (other.root / ".run" / "up.env").exists()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_an_up_that_was_ended_while_it_came_up(
    checkouts: tuple[Checkout, Checkout], by: signal.Signals
) -> None:
    one = checkouts[0]
    with one.start("up") as process:
        assert process.stdout
        for line in process.stdout:
            if "template.yaml" in line:
                break
        process.send_signal(by)
    log = one.root / ".run" / "up" / "emulator.log"
    port = log.read_text().partition("available on port ")[2].partition(".")[0]
    assert port
    until(lambda: not answers(f"http://127.0.0.1:{port}"), seconds=20, what="the emulator's end")
    until(lambda: "Nothing is up" in one.do("down")[1], seconds=20, what="the keeper's end")


def test_down_leaves_a_process_alone_that_only_has_the_id_of_the_keeper(
    checkouts: tuple[Checkout, Checkout],
) -> None:
    one = checkouts[0]
    one.do("down")
    (one.root / ".run" / "up" / "lock").write_text(str(os.getpid()))
    assert one.do("down") == (0, "Nothing is up in this checkout.\n")
