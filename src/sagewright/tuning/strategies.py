"""The searcher and the stopper of a study, if they need only the standard library."""

from __future__ import annotations

from collections.abc import Sequence

from sagewright.tuning.minds import Searcher, Stopper
from sagewright.tuning.points import RandomSearcher
from sagewright.tuning.searchers.grid import GridSearcher
from sagewright.tuning.searchers.hyperband import HyperbandStopper
from sagewright.tuning.searchers.median import MedianStopper
from sagewright.tuning.study import Study, Trial


class NeverStopper:
    def stops(self, trials: Sequence[Trial]) -> list[int]:  # noqa: ARG002 - one of several
        return []


def stopper(study: Study) -> Stopper:
    if study.strategy == "Hyperband":
        return NeverStopper() if study.resumable else HyperbandStopper(study)
    return MedianStopper(study) if study.early_stopping else NeverStopper()


def plain_searcher(study: Study) -> Searcher | None:
    """Returns None for a study whose searcher learns and therefore runs in the searchers' process."""
    if study.strategy == "Random":
        return RandomSearcher(study)
    if study.strategy == "Grid":
        return GridSearcher(study)
    return None
