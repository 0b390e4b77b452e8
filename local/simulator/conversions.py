"""Conversions of indexes into document indexes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from local.simulator import errors
from local.simulator.contents import counts
from local.simulator.indexes import IndexOperations
from local.simulator.project_state import PLANS_WITH_BACKUPS
from local.simulator.state import ConversionJob, Kind, Result, take_outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.simulator.schema import Fields


class ConversionOperations(IndexOperations):
    """Converting indexes, and following the jobs."""

    def convert_index(
        self,
        source_name: str,
        name: str,
        fields: Fields,
        *,
        on_error: str = "abort",
        tags: Mapping[str, str] | None = None,
        deletion_protection: bool = False,
    ) -> ConversionJob:
        """Start filling a new document index from a serverless one, which stays as it is."""
        now = self.settle()
        self._refuse_unpaid()
        if self.plan not in PLANS_WITH_BACKUPS:
            raise errors.permission_denied(errors.CONVERSIONS_NOT_IN_PLAN)
        source = self.describe_index(source_name)
        if source.kind is not Kind.SERVERLESS or source.has_document_schema:
            raise errors.invalid("Only serverless vector indexes can be converted.")
        if source.state(now) != "Ready":
            raise errors.failed_precondition(f"Index {source_name} is not ready")
        outcome = take_outcome(self.conversion_outcomes)
        seconds = self.behaviour.conversion_seconds if outcome.seconds is None else outcome.seconds
        ends_at = None if outcome.result is Result.STICK else now + timedelta(seconds=seconds)
        failed = outcome.result is Result.FAIL
        target = self.create_index(
            name,
            fields,
            tags=tags,
            cloud=source.cloud,
            region=source.region,
            cmek_id=source.cmek_id,
            deletion_protection=deletion_protection,
        )
        target.ready_at, target.failed = ends_at, failed
        snapshot = source.contents.at(now)
        if ends_at is not None and not failed:
            target.contents.restore(snapshot, ends_at)
        job = ConversionJob(
            job_id=self.new_id(),
            source_index_id=source.index_id,
            source_index_name=source.name,
            target_index_id=target.index_id,
            target_index_name=target.name,
            created_at=now,
            ends_at=ends_at,
            records=sum(counts(snapshot).values()),
            on_error=on_error,
            ends_as="Failed" if failed else "Completed",
        )
        self.conversions[job.job_id] = job
        return job

    def conversion_jobs(self) -> list[ConversionJob]:
        """The conversions of the project, the newest first."""
        self.settle()
        return list(reversed(self.conversions.values()))

    def describe_conversion_job(self, job_id: str) -> ConversionJob:
        """One conversion."""
        if job_id not in self.conversions:
            raise errors.not_found(f"Conversion job {job_id} not found.")
        return self.conversions[job_id]
