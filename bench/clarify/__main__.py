"""`make bench-clarify`: SHAP values beside shap and shapiq, on one thread; writes docs/reference/clarify-benchmarks.md.

Speed: rows a CPU second, each explainer with what it prepares, alternating, medians. Black boxes: the least number of coalitions a
row for a mean error of 3 %, where a row's error is the sum of absolute differences from the true values over the sum of absolute
true values. A coalition costs as many calls as the baseline has rows, for all of them alike.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import cases
import numpy as np
import shap
import shapiq
from cases import Case

from sagewright.clarify.configuration.methods import ShapSettings
from sagewright.clarify.shap.explanation import explain
from sagewright.clarify.shap.kernel import KernelExplainer
from sagewright.clarify.shap.synthetic import Counter

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "clarify-benchmarks.md"
ROUNDS = 3
KERNEL_ROWS, ROWS = 4, 2000
ERROR = 0.03
MOST = 20_000
JUDGED = 5
Explain = Callable[[np.ndarray], np.ndarray]
HEAD = """\
# SHAP values beside other explainers

`make bench-clarify` measures with one thread and writes this page. The tables are scikit-learn's, and made ones whose values are
known ("planted"). Three constants of the Gaussian process behind sampled values were chosen while looking at these black boxes, so
their figures are slightly optimistic. The baseline has 12 rows; for log-odds, one. `bench/clarify` has the models: boosters have
100 trees, of depth 6 unless the name says otherwise. [How values are computed](../explanation/clarify.md) explains the ways.
"""


def main() -> None:
    if os.environ.get("OMP_NUM_THREADS") != "1":
        sys.exit("OMP_NUM_THREADS must be 1 before it starts: use make bench-clarify")
    warnings.simplefilter("ignore")
    lines = [HEAD, *_facts(), "", *speed(), "", *calls()]
    PAGE.write_text("\n".join(lines) + "\n")


def _facts() -> list[str]:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("shap", "shapiq", "xgboost-cpu", "numpy"))
    name = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return [f"{datetime.now(UTC):%Y-%m-%d}, {name.partition(':')[2].strip()}, one thread. {versions}."]


def speed() -> Iterator[str]:
    yield "## Rows a CPU second"
    yield ""
    yield (
        "| model | KernelExplainer, default | shap's exact explainer | Sagewright | times Kernel | times exact | "
        "largest difference |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for kind, some in (("trees", cases.trees()), ("linear", cases.linear())):
        for case in some:
            yield _speed_row(kind, case)


def _speed_row(kind: str, case: Case) -> str:
    rows = case.rows[np.random.default_rng(2).integers(0, len(case.rows), ROWS)]
    ours, kernel, peer = (
        [each for each in measured if each]
        for measured in zip(
            *(
                (_rate(_ours(case), rows), _rate(_kernel(case), rows[:KERNEL_ROWS]), _rate(_peer(case), rows[:200]))
                for _ in range(ROUNDS)
            ),
            strict=True,
        )
    )
    own, theirs = statistics.median(ours), statistics.median(kernel)
    exact = statistics.median(peer) if peer else None
    truth = _peer(case)
    apart = f"{np.abs(_ours(case)(rows[:200]) - truth(rows[:200])).max():.1e}" if truth else ""
    print(kind, case.name, f"{theirs:.1f} {exact} {own:.0f}", flush=True)
    return (
        f"| {kind}: {case.name} | {theirs:,.1f} | {f'{exact:,.0f}' if exact else ''} | {own:,.0f} | {own / theirs:,.0f} | "
        f"{f'{own / exact:,.1f}' if exact else ''} | {apart} |"
    )


def _rate(explain_: Explain | None, rows: np.ndarray) -> float | None:
    if explain_ is None:
        return None
    begin = time.process_time()
    explain_(rows)
    return len(rows) / max(time.process_time() - begin, 1e-9)


def _ours(case: Case) -> Explain:
    settings = ShapSettings(use_logit="log-odds" in case.name)
    assert case.artefact is not None

    def run(rows: np.ndarray) -> np.ndarray:
        found = explain(case.artefact.score, case.table(rows), case.table(case.baseline), settings, case.artefact)
        assert found.way == "exact"
        return found.values[:, :, 0]

    return run


def _kernel(case: Case) -> Explain:
    return lambda rows: np.asarray(shap.KernelExplainer(case.predict, case.baseline).shap_values(rows, silent=True))


def _peer(case: Case) -> Explain | None:
    if isinstance(case.model, tuple):
        return lambda rows: np.asarray(shap.LinearExplainer(case.model, case.baseline).shap_values(rows))
    if case.model is None:
        return None

    def run(rows: np.ndarray) -> np.ndarray:
        explainer = shap.TreeExplainer(case.model, case.baseline, feature_perturbation="interventional")
        return np.asarray(explainer.shap_values(rows, check_additivity=False))

    return run


def calls() -> Iterator[str]:
    yield "## Coalitions a row for an error of 3 %"
    yield ""
    yield "By default KernelExplainer keeps ten features (`l1_reg`), an error that more coalitions don't reduce. The first two"
    yield "columns show its error with the default number of coalitions, and the number that Sagewright needs for that error."
    yield ""
    yield (
        "| black box | KernelExplainer, default | Sagewright, for that | KernelExplainer, l1_reg=0 | PermutationExplainer | "
        "shapiq's KernelSHAP | Sagewright |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for case in cases.black_boxes():
        rows = case.rows[:JUDGED]
        truth = _truth(case, rows)
        usual = 2 * rows.shape[1] + 2048
        error = _error(case, rows, truth, _kernel_default, usual)
        counts = [f"{error:.0%} with {usual:,}", _least(case, rows, truth, _sampled, error)]
        counts += [_least(case, rows, truth, method) for method in (_kernel_plain, _permutation, _shapiq, _sampled)]
        print(case.name, counts, flush=True)
        yield f"| {case.name} | {' | '.join(counts)} |"


Method = Callable[[Case, np.ndarray, int, int], np.ndarray]


def _truth(case: Case, rows: np.ndarray) -> np.ndarray:
    peer = _peer(case)
    return peer(rows) if peer is not None else _sampled(case, rows, 2 ** rows.shape[1], 0)


def _error(case: Case, rows: np.ndarray, truth: np.ndarray, method: Method, budget: int) -> float:
    found = [method(case, rows, budget, seed) for seed in range(2)]
    return float(np.mean([np.abs(one - truth).sum(axis=1) / np.abs(truth).sum(axis=1) for one in found]))


def _least(case: Case, rows: np.ndarray, truth: np.ndarray, method: Method, error: float = ERROR) -> str:
    """Returns the least budget of a series that grows by a fifth."""
    budget = 2.0 * rows.shape[1]
    while budget <= MOST:
        if _error(case, rows, truth, method, int(budget)) <= error:
            return f"{int(budget):,}"
        budget *= 1.2
    return f"over {MOST:,}"


def _kernel_default(case: Case, rows: np.ndarray, budget: int, seed: int) -> np.ndarray:
    np.random.seed(seed)
    return np.asarray(shap.KernelExplainer(case.predict, case.baseline).shap_values(rows, nsamples=budget, silent=True))


def _kernel_plain(case: Case, rows: np.ndarray, budget: int, seed: int) -> np.ndarray:
    np.random.seed(seed)
    explainer = shap.KernelExplainer(case.predict, case.baseline)
    return np.asarray(explainer.shap_values(rows, nsamples=budget, l1_reg=0, silent=True))


def _permutation(case: Case, rows: np.ndarray, budget: int, seed: int) -> np.ndarray:
    masker = shap.maskers.Independent(case.baseline, max_samples=len(case.baseline))
    explainer = shap.PermutationExplainer(case.predict, masker, seed=seed)
    return np.asarray(explainer(rows, max_evals=max(budget, 2 * rows.shape[1] + 1), silent=True).values)


def _shapiq(case: Case, rows: np.ndarray, budget: int, seed: int) -> np.ndarray:
    found = []
    for row in rows:

        def game(masks: np.ndarray, row: np.ndarray = row) -> np.ndarray:
            synthetic = np.where(masks[:, None, :], row, case.baseline[None]).reshape(-1, len(row))
            return case.predict(synthetic).reshape(len(masks), -1).mean(axis=1)

        values = shapiq.KernelSHAP(len(row), random_state=seed).approximate(budget, game)
        found.append([values[(place,)] for place in range(len(row))])
    return np.array(found)


def _sampled(case: Case, rows: np.ndarray, budget: int, seed: int) -> np.ndarray:
    settings = ShapSettings(num_samples=budget, seed=seed)
    explainer = KernelExplainer(
        lambda table: case.predict(table.to_numpy()), case.table(case.baseline), settings, Counter()
    )
    return explainer.explain(case.table(rows)).values[:, :, 0]


if __name__ == "__main__":
    main()
