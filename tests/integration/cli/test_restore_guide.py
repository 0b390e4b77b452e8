"""Every command of docs/restore.md, run in its order against the API and a simulated Pinecone."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import DEFAULT_KEY
from local.simulator.contents import counts
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.policy import validate_policy
from pinecone_backup_cli.errors import Exit
from tests.support.api import (
    OWNER,
    POLICY,
    Gateway,
    World,
    audit,
    idempotency_table,
    move_restores,
)
from tests.support.command_line import CommandLine, gateway
from tests.support.simulator import START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator import Simulator

GUIDE = (Path(__file__).parents[3] / "docs" / "restore.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE))
TENANT = "tenant-7"


@pytest.fixture
def world(
    simulator: Simulator, simulator_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """An index ``products`` of policy ``gold``, with three backups of ours."""
    past = START - timedelta(hours=3)
    simulator.project.seed_index("products", records=120)
    simulator.project.write_records("products", 120, namespace=TENANT, at=past)
    simulator.clock.set(START - timedelta(minutes=90))
    marker = Marker(OWNER, "gold", past, "run-0", 1)
    simulator.project.create_backup(
        "products", name=marker.name_for("products"), description=str(marker)
    )
    simulator.clock.set(START)
    gold = {**POLICY["policies"][0], "name": "gold"}
    document = {**POLICY, "policies": [gold], "assignments": [{"policy": "gold"}]}
    with (
        idempotency_table() as store,
        World(simulator, simulator_url) as world,
        gateway(Gateway(world)) as url,
    ):
        world.container.document = validate_policy(document)
        world.container.store = store
        monkeypatch.setenv("PINECONE_BACKUP_URL", url)
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        monkeypatch.setenv("PINECONE_API_KEY", DEFAULT_KEY)
        monkeypatch.setenv("PINECONE_CONTROLLER_HOST", simulator_url)
        audit(world)
        yield world


@dataclass
class Reader:
    """Somebody who does what the guide says, and puts in the ids that they were answered."""

    run: CommandLine
    world: World
    ids: dict[str, str] = field(default_factory=dict)

    def follow(self, section: str) -> None:
        for shown in commands(section):
            command = re.sub(r"\bBACKUP\b|\bRESTORE\b", lambda found: self.ids[found[0]], shown)
            if command.startswith("curl"):
                self._curl(command)
            else:
                self._ours(command)

    def _curl(self, command: str) -> None:
        command = command.replace("https://api.pinecone.io", self.world.container.url)
        subprocess.run(["bash", "-euc", command], check=True, capture_output=True)

    def _ours(self, command: str) -> None:
        _, *words = shlex.split(command)
        said = self.run(*words, "--json")
        assert said.code in (Exit.FINE, *[Exit.WRONG] * (words[0] == "status")), (command, said.err)
        answer: Any = said.json
        if words[0] == "restore-point":
            self.ids["BACKUP"] = answer["backup"]["backup_id"]
        if words[0] == "restore":
            self.ids["RESTORE"] = answer["restore_id"]
        if words[0] in ("restore", "backup"):
            self.world.simulator.clock.advance(hours=1)
            move_restores(self.world)
            audit(self.world)


def commands(section: str) -> list[str]:
    """The commands of a section in their order: those of its blocks, and those in its text."""
    found = re.findall(r"```sh\n(.*?)```|`(pinecone-backup [^`]+)`", section, re.DOTALL)
    return [line for block, inline in found for line in (inline or block).splitlines() if line]


@pytest.fixture
def reader(world: World, capsys: pytest.CaptureFixture[str]) -> Reader:
    return Reader(CommandLine(capsys), world)


def names(world: World) -> set[str]:
    return {index.name for index in world.simulator.project.list_indexes()}


def test_the_guide_has_the_four_cases() -> None:
    assert list(SECTIONS)[:4] == [
        "One tenant's data was deleted",
        "An index was deleted",
        "An index is corrupted since yesterday at 14:00",
        "A project is lost",
    ]


def test_a_tenants_data_comes_back_into_the_living_index(reader: Reader) -> None:
    section = SECTIONS["One tenant's data was deleted"]
    project = reader.world.simulator.project
    project.write_records("products", -120, namespace=TENANT)

    reader.follow(section)
    (script,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    exec(script, {})  # noqa: S102 - the guide's own

    living = project.describe_index("products").contents
    restored = project.describe_index("products-before").contents
    now = reader.world.simulator.clock.now()
    counted = [counts(each.at(now))[TENANT] for each in (living, restored)]
    assert counted == [120, 120]


def test_a_deleted_index_comes_back_under_its_name(reader: Reader) -> None:
    reader.world.simulator.project.delete_index("products")

    reader.follow(SECTIONS["An index was deleted"])

    index = reader.world.simulator.project.describe_index("products")
    assert (index.source_backup_id, index.tags["backup-policy"]) == (reader.ids["BACKUP"], "gold")


def test_a_corrupted_index_is_replaced_and_its_name_kept(reader: Reader) -> None:
    reader.follow(SECTIONS["An index is corrupted since yesterday at 14:00"])

    assert names(reader.world) == {"products", "products-clean"}
    index = reader.world.simulator.project.describe_index("products")
    assert (index.source_backup_id, index.tags["backup-policy"]) == (reader.ids["BACKUP"], "gold")


def test_what_is_known_of_a_lost_project_can_be_read(reader: Reader) -> None:
    reader.follow(SECTIONS["A project is lost"])
