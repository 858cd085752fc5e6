"""All searchers in this process, for the searchers' process and the simulation. Imports NumPy and SciPy, so the server must not
import it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from sagewright.tuning.minds import Searcher
from sagewright.tuning.searchers.bayesian import BayesianSearcher
from sagewright.tuning.searchers.freezethaw import FreezeThawSearcher
from sagewright.tuning.searchers.rungs import RungSearcher
from sagewright.tuning.strategies import plain_searcher, stopper
from sagewright.tuning.study import Study, Trial
from sagewright.tuning.suggestion import Suggestion

_MOST_STUDIES = 200
"""Maximum number of studies whose searchers are kept. A dropped searcher is rebuilt from its study's trials."""


def searcher(study: Study) -> Searcher:
    """Raises ValueError for an unknown strategy, or for a space that it doesn't support."""
    plain = plain_searcher(study)
    if plain is not None:
        return plain
    if study.strategy == "Bayesian":
        return BayesianSearcher(study)
    if study.strategy == "Hyperband":
        return FreezeThawSearcher(study) if study.resumable else RungSearcher(study)
    raise ValueError(f"no such strategy: {study.strategy}")


class InProcessSearchers:
    """Keeps the searchers of the most recently used studies. Not thread-safe."""

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
