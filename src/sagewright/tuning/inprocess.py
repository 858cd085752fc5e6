"""All searchers, here: what the searchers' process and the simulation use. It imports NumPy and SciPy, so the server may not."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from sagewright.tuning.bayesian import BayesianSearcher
from sagewright.tuning.freezethaw import FreezeThawSearcher
from sagewright.tuning.minds import Searcher
from sagewright.tuning.strategies import plain_searcher, stopper
from sagewright.tuning.study import Study, Trial
from sagewright.tuning.suggestion import Suggestion

_MOST_STUDIES = 200
"""Whose searchers are kept. One that is asked for again is made from its trials."""


def searcher(study: Study) -> Searcher:
    """Raises ValueError for a strategy that isn't known, or a space that it doesn't take."""
    plain = plain_searcher(study)
    if plain is not None:
        return plain
    if study.strategy == "Bayesian":
        return BayesianSearcher(study)
    if study.strategy == "Hyperband":
        return FreezeThawSearcher(study)
    raise ValueError(f"no such strategy: {study.strategy}")


class InProcessSearchers:
    """Keeps the searchers of the studies that were asked for last. Not for use by several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Study, Searcher]] = OrderedDict()

    def suggest(self, study: Study, trials: Sequence[Trial], count: int) -> list[Suggestion]:
        return self._searcher(study).suggest(trials, count)

    def stops(self, study: Study, trials: Sequence[Trial]) -> list[int]:
        return stopper(study).stops(trials)

    def _searcher(self, study: Study) -> Searcher:
        kept = self._kept.pop(study.key, None)
        if kept is None or kept[0] != study:
            kept = (study, searcher(study))
        self._kept[study.key] = kept
        if len(self._kept) > _MOST_STUDIES:
            self._kept.popitem(last=False)
        return kept[1]
