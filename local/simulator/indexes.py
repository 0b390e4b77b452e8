"""What can be done with the indexes of a project."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from local.simulator import errors
from local.simulator.project_state import INDEX_QUOTAS, ProjectState
from local.simulator.settings import ReadCapacity, merged_read_capacity, merged_tags
from local.simulator.state import Index, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.simulator.schema import Fields

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?")
"""The names that indexes and backups may have."""


class IndexOperations(ProjectState):
    """Listing, creating, changing and deleting indexes."""

    def list_indexes(self) -> list[Index]:
        """The active indexes, by name."""
        now = self.settle()
        return sorted((i for i in self.indexes if i.exists(now)), key=lambda index: index.name)

    def describe_index(self, name: str) -> Index:
        """The active index of that name."""
        now = self.settle()
        for index in self.indexes:
            if index.name == name and index.exists(now):
                return index
        raise errors.index_not_found(name)

    def index_by_id(self, index_id: str) -> Index:
        """One incarnation, deleted or not."""
        for index in self.indexes:
            if index.index_id == index_id:
                return index
        raise errors.index_not_found(index_id)

    def create_index(
        self,
        name: str | None,
        fields: Fields,
        *,
        tags: Mapping[str, str] | None = None,
        **properties: Any,
    ) -> Index:
        """Create an index; without a name it is given one. ``properties`` are ``Index``'s."""
        now = self.settle()
        self._refuse_unpaid()
        index_id = self.new_id()
        name = f"index-{index_id[:7]}" if name is None else name
        self._check_new_index(name)
        index = Index(
            index_id=index_id,
            name=name,
            created_at=now,
            fields=fields,
            tags=merged_tags({}, tags or {}),
            ready_at=now + timedelta(seconds=self.behaviour.index_creation_seconds),
            **properties,
        )
        self.indexes.append(index)
        return index

    def configure_index(
        self,
        name: str,
        *,
        tags: Mapping[str, str] | None = None,
        deletion_protection: bool | None = None,
        read_capacity: ReadCapacity | None = None,
    ) -> Index:
        """Change an index; tags and read capacity are merged, and an empty value unsets a tag."""
        index = self.describe_index(name)
        merged = merged_tags(index.tags, tags or {})
        if read_capacity is not None:
            if index.kind is Kind.POD:
                raise errors.invalid("Pod indexes do not support read_capacity.")
            byoc = index.kind is Kind.BYOC
            index.read_capacity = merged_read_capacity(
                index.read_capacity, read_capacity, byoc=byoc
            )
        index.tags = merged
        if deletion_protection is not None:
            index.deletion_protection = deletion_protection
        return index

    def delete_index(self, name: str) -> None:
        """Delete an index; its backups survive."""
        now = self.settle()
        index = self.describe_index(name)
        if index.deletion_asked:
            raise errors.index_not_found(name)
        if index.deletion_protection:
            raise errors.forbidden(errors.DELETION_PROTECTED)
        index.deletion_asked = True
        index.deleted_at = now + timedelta(seconds=self.behaviour.index_deletion_seconds)

    def _check_new_index(self, name: str) -> None:
        if NAME.fullmatch(name) is None:
            raise errors.invalid(errors.NAME_RULE.format(what="Resource name"))
        existing = self.list_indexes()
        if any(index.name == name for index in existing):
            raise errors.already_exists()
        quota = INDEX_QUOTAS[self.plan] if self.index_quota is None else self.index_quota
        if len(existing) >= quota:
            raise errors.forbidden(errors.INDEX_QUOTA, code=self.behaviour.quota_code)
