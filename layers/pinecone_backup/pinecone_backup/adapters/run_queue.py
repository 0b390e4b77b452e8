"""The queue of one kind of runs in SQS: one message per project and tick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pinecone_backup.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from pinecone_backup.triggers import RunRequest


class SqsRunQueue:
    """The ``RunQueue`` over one SQS queue."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue = queue_url

    def send(self, request: RunRequest) -> None:
        """Queue the run of one project.

        Raises:
            StoreUnavailable: The queue did not take the message.
        """
        body = request.model_dump_json(exclude_defaults=True)
        try:
            self._client.send_message(QueueUrl=self._queue, MessageBody=body)
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(
                f"The queue did not take the run of project {request.project} "
                f"({type(error).__name__})",
                next_step="The next tick asks for it; check the function's role if it repeats.",
            ) from error
