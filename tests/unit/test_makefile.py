"""What the targets print is their result alone."""

from __future__ import annotations

import subprocess

import pytest

from local.build import ROOT


@pytest.mark.parametrize(
    "environment", [".venv", ".venv-emulator", ".venv-sam", ".venv-template-checks"]
)
def test_what_is_installed_on_the_way_is_not_part_of_a_targets_result(environment: str) -> None:
    """The JSON of ``make deploy-ci`` is JSON on a new machine, too."""
    recipe = subprocess.run(
        ["make", "--dry-run", "--always-make", f"{environment}/ready"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    said = [line for line in recipe.stdout.splitlines() if "Installing" in line]

    assert said
    assert all(line.endswith(">&2") for line in said)
