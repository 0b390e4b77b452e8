"""Evidence: was anything changed?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pinecone_backup_cli.errors import CliError, Exit
from pinecone_backup_cli.evidence import report
from pinecone_backup_cli.evidence import verify as verified
from pinecone_backup_cli.view import Answer


def verify(
    folder: Path,
    /,
    *,
    key: Path | None = None,
    head: Annotated[tuple[str, ...], Parameter(negative=())] = (),
) -> Answer:
    """Verify a folder of evidence: needs the files alone, and asks no API.

    Exit code 1 where something was changed.

    Example: `pinecone-backup evidence verify evidence --key key.pem --head 3421:9f86d081884c...`

    Args:
        folder: A copy of the bucket's folder evidence/.
        key: The public key, PEM or DER; then everything must be signed.
        head: A head seen outside, such as in a heartbeat; may be given several times.
    """
    if not folder.is_dir():
        raise CliError(
            f"{folder} is no folder",
            exit=Exit.USAGE,
            next_step="Copy it: aws s3 sync s3://BUCKET/evidence/ evidence/",
        )
    try:
        verdict = verified(folder, heads=head, key=key.read_bytes() if key else None)
    except (OSError, ValueError) as error:
        raise CliError(
            f"The key cannot be used: {error}",
            exit=Exit.USAGE,
            next_step="aws kms get-public-key gives it, in base64 of DER.",
        ) from error
    said = {
        "intact": not verdict.problems,
        "records": verdict.records,
        "segments": verdict.segments,
        "deployment": verdict.deployment,
        "head": verdict.head,
        "signed_to": verdict.signed,
        "problems": verdict.problems,
    }
    return Answer(said, [report(verdict)], Exit.WRONG if verdict.problems else Exit.FINE)
