"""The two things that a tuning job has decided for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sagewright.tuning.study import Study, Trial
from sagewright.tuning.suggestion import Suggestion


class Searcher(Protocol):
    """One study's. May keep what it has learned between calls, but must answer from the trials alone where it has nothing.

    Not for use by several threads.
    """

    def suggest(self, trials: Sequence[Trial], count: int) -> list[Suggestion]:
        """What to try next: fewer than count, or nothing, where nothing is left or another trial's end must be awaited."""
        ...


class Stopper(Protocol):
    def stops(self, trials: Sequence[Trial]) -> list[int]:
        """Numbers of running trials that are to end now."""
        ...


class Deciding(Protocol):
    """What the loop asks: searchers and stoppers of any study."""

    def suggest(self, study: Study, trials: Sequence[Trial], count: int) -> list[Suggestion]: ...

    def stops(self, study: Study, trials: Sequence[Trial]) -> list[int]: ...
