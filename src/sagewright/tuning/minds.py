"""The interfaces of the two decisions in a tuning job: which points to try and which trials to stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sagewright.tuning.study import Study, Trial
from sagewright.tuning.suggestion import Suggestion


class Searcher(Protocol):
    """A searcher of one study. It can keep state between calls, but must be able to answer only from the trials.

    Not thread-safe.
    """

    def suggest(self, trials: Sequence[Trial], count: int) -> list[Suggestion]:
        """The next points: fewer than `count`, or none, if the space is exhausted or another trial must finish first."""
        ...


class Stopper(Protocol):
    def stops(self, trials: Sequence[Trial]) -> list[int]:
        """Numbers of running trials to stop now."""
        ...


class Deciding(Protocol):
    """The loop's interface to the searchers and stoppers of any study."""

    def suggest(self, study: Study, trials: Sequence[Trial], count: int) -> list[Suggestion]: ...

    def stops(self, study: Study, trials: Sequence[Trial]) -> list[int]: ...
