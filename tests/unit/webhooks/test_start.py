"""What the notify function's start must not cost."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
HEAVY = {"boto3", "httpx", "tenacity", "jinja2", "cronsim", "aws_xray_sdk", "pinecone"}


def test_the_import_of_notify_pulls_in_nothing_that_it_does_not_need() -> None:
    code = (
        "import json, sys; sys.path[:0] = ['layers/pinecone_backup', '.'];"
        "import functions.notify.app; print(json.dumps(sorted(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules = set(json.loads(said.stdout))

    assert not modules & HEAVY
    others = {"records", "rules", "wiring.projects"}
    assert not modules & {f"pinecone_backup.{name}" for name in others}
    assert "aws_lambda_powertools.event_handler" not in modules
