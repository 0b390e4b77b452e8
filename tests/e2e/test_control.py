"""Control and evidence of the deployed product: the policy by its API, and what happened since."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from local.api import ask
from pinecone_backup_cli.evidence import verify
from tests.support.deployed import policy_for

if TYPE_CHECKING:
    from pathlib import Path

    from local.simulator import Simulator
    from tests.support.deployed import Deployed

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("emulator")]


def put(stack: Deployed, document: dict[str, Any], on: str) -> int:
    body = {"document": document, "reason": "denser"}
    url = stack.outputs["ApiUrl"]
    return ask(url, "PUT", "/v1/policy", body, headers={"If-Match": f'"{on}"'})[0]


def versions(stack: Deployed) -> list[dict[str, Any]]:
    status, answer = ask(stack.outputs["ApiUrl"], "GET", "/v1/policy/versions")
    assert status == 200, answer
    rows: list[dict[str, Any]] = answer["data"]
    return rows


def test_of_people_who_change_the_policy_at_once_one_wins_and_the_bucket_is_watched(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    name, _ = project
    stack.invoke("audit", {"project": name})
    current = versions(stack)[0]["policy_version"]
    documents = []
    for keep in (4, 5, 6, 7):
        document = policy_for(name)
        document["policies"][0]["retention"] = {"keep_last": keep}
        documents.append(document)

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(put, stack, document, current) for document in documents]
    assert sorted(each.result() for each in asked) == [200, 412, 412, 412]

    stack.set_policy(policy_for(name))
    stack.invoke("audit", {"project": name})
    outside, ours, *_ = versions(stack)
    assert (outside["outside"], outside["changed_by"]) == (True, "")
    assert (ours["outside"], ours["reason"]) == (False, "denser")
    assert ours["changed_by"].startswith("arn:aws:iam::")


def test_what_happened_is_in_the_bucket_and_verifies_from_the_files_alone(
    stack: Deployed, project: tuple[str, Simulator], tmp_path: Path
) -> None:
    name, _ = project
    for kind in ("create", "audit"):
        stack.invoke(kind, {"project": name})
    s3, bucket = stack.aws.client("s3"), stack.outputs["BucketName"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="evidence/")
    for key in [each["Key"] for page in pages for each in page.get("Contents", ())]:
        (tmp_path / key.rpartition("/")[2]).write_bytes(
            s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        )

    verdict = verify(tmp_path)

    assert verdict.problems == []
    text = "".join(path.read_text() for path in tmp_path.iterdir())
    assert f'"project":"{name}"' in text
    assert '"type":"run.completed"' in text
