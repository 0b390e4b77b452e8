"""The simulator's clock: everything that happens in a simulated project goes by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that follows real time, and can be set, advanced and frozen.

    Args:
        now: What time it is now, aware; real time when None.
        frozen: Whether the clock stands still until it is moved.
    """

    def __init__(self, now: datetime | None = None, *, frozen: bool = False) -> None:
        self._ahead = timedelta(0)
        self._frozen_at: datetime | None = datetime.now(UTC) if frozen else None
        if now is not None:
            self.set(now)

    def now(self) -> datetime:
        """The simulated time, in UTC."""
        if self._frozen_at is not None:
            return self._frozen_at
        return datetime.now(UTC) + self._ahead

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._frozen_at is not None

    def set(self, instant: datetime) -> None:
        """Move to an instant; a running clock runs on from there.

        Schedules that fired do not unfire when the clock is moved back.
        """
        if instant.tzinfo is None:
            raise ValueError("The simulated time needs a UTC offset")
        if self._frozen_at is not None:
            self._frozen_at = instant.astimezone(UTC)
        else:
            self._ahead = instant.astimezone(UTC) - datetime.now(UTC)

    def advance(self, by: timedelta | None = None, **units: float) -> datetime:
        """Move forward by a duration, or by units as ``timedelta`` knows them; returns the time."""
        self.set(self.now() + (by if by is not None else timedelta(**units)))
        return self.now()

    def freeze(self) -> None:
        """Stand still."""
        self._frozen_at = self.now()

    def resume(self) -> None:
        """Run on from where the clock stands."""
        now = self.now()
        self._frozen_at = None
        self.set(now)
