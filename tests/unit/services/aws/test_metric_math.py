"""Metric math: what it computes, and what it refuses."""

from __future__ import annotations

import pytest

from sagewright.model.errors import AwsError
from sagewright.services.aws.cloudwatch.expressions import Calculation, Expression, Points, work_budget
from sagewright.services.aws.cloudwatch.lines import Line
from sagewright.services.aws.cloudwatch.periods import by_unit, statistic
from sagewright.store.logs.metrics import Datum

KNOWN: dict[str, Points] = {"m1": {0: 1.0, 60_000: 4.0, 120_000: 9.0}, "m2": {60_000: 2.0, 120_000: 0.0, 180_000: 5.0}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m1 * 2", {0: 2.0, 60_000: 8.0, 120_000: 18.0}),
        ("m1 / m2", {60_000: 2.0}),
        ("-m2 + 1", {60_000: -1.0, 120_000: 1.0, 180_000: -4.0}),
        ("m1 ^ 0.5", {0: 1.0, 60_000: 2.0, 120_000: 3.0}),
        ("SUM(METRICS())", {0: 1.0, 60_000: 6.0, 120_000: 9.0, 180_000: 5.0}),
        ('AVG(METRICS("m2"))', {60_000: 2.0, 120_000: 0.0, 180_000: 5.0}),
        ("m1 - MIN(m1)", {0: 0.0, 60_000: 3.0, 120_000: 8.0}),
        ("FILL(m1, 0) + FILL(m2, 0)", {0: 1.0, 60_000: 6.0, 120_000: 9.0, 180_000: 5.0}),
        ("RATE(m1)", {60_000: 0.05, 120_000: 5 / 60}),
        ("IF(m1 > 3, m1, 0)", {0: 0.0, 60_000: 4.0, 120_000: 9.0}),
        ("IF(m1 > 3, m1)", {60_000: 4.0, 120_000: 9.0}),
        ("CEIL(m1 / 2)", {0: 1.0, 60_000: 2.0, 120_000: 5.0}),
    ],
)
def test_values(text: str, expected: Points) -> None:
    assert Expression(text, KNOWN).points() == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    [
        "", "m1 +", "m3", "1 + 1", "SEARCH('x', 'Average', 60)", "METRICS()", "METRICS() + 1", "m1.real", "m1[0]", "lambda: 1",
        "__import__('os')", "'a' * 9", "True", "m1 if m1 else m2", "(" * 9999 + "m1" + ")" * 9999, "+".join(["m1"] * 1000),
        "m1 @ m2", "SUM(m1, m2)", "IF(METRICS(), 1)", "\0",
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(AwsError, match="Error in expression") as caught:
        Expression(text, KNOWN).points()
    assert caught.value.code == "ValidationError"


def test_numbers_without_end_are_left_out() -> None:
    assert Expression("m1 ^ 9999", KNOWN).points() == {0: 1.0}
    assert Expression("(m2 - 1) ^ 0.5", KNOWN).points() == {60_000: 1.0, 180_000: 2.0}


def test_percentiles_count_the_samples() -> None:
    data = [Datum(0, 99.0, 99.0, 1.0, 1.0), Datum(0, 1.0, 100.0, 100.0, 100.0)]
    assert [statistic(name, data) for name in ("p50", "p99", "p99.5", "p100")] == [1.0, 1.0, 100.0, 100.0]


def test_units_are_kept_apart() -> None:
    data = [Datum.of_value(0, 1.0, "Seconds"), Datum.of_value(1, 2.0, "Bytes"), Datum.of_value(2, 3.0, "Seconds")]
    assert {unit: statistic("Sum", found) for unit, found in by_unit(data).items()} == {"Seconds": 4.0, "Bytes": 2.0}


TIMES = tuple(range(0, 500 * 60_000, 60_000))


def metric(value: float) -> Line:
    return Line(TIMES, [value] * len(TIMES))


def test_what_several_expressions_have_in_common_is_computed_once() -> None:
    metrics = {f"m{number}": metric(number) for number in range(250)}
    texts = {f"e{number}": f"SUM(METRICS()) * m{number}" for number in range(250)}
    budget = work_budget()
    calculation = Calculation(metrics, texts, budget)
    assert calculation.line("e7").values == [7.0 * sum(range(250))] * 500
    assert all(len(calculation.line(one).values) == 500 for one in texts)
    assert budget.used < 500 * (250 + 250) + 250 * 20 * 20


def test_expressions_need_each_other_in_any_order() -> None:
    texts = {f"e{number}": f"e{number + 1} + 1" for number in range(499)} | {"e499": "m0 * 1"}
    assert Calculation({"m0": metric(2)}, texts, work_budget()).line("e0").values == [501.0] * 500
    with pytest.raises(AwsError, match="needs its own result"):
        Calculation({}, {"a": "b + 1", "b": "a + 1"}, work_budget()).line("a")


def test_the_work_of_a_request_is_limited() -> None:
    texts = {
        f"e{number}": "+".join(["ABS(m0)"] + [f"m0*{number}.{inner}" for inner in range(60)]) for number in range(499)
    }
    calculation = Calculation({"m0": metric(1)}, texts, work_budget())
    with pytest.raises(AwsError, match="The work of the expressions is larger than 3000000 values") as caught:
        for one in texts:
            calculation.line(one)
    assert caught.value.code == "ValidationError"
    assert Calculation({"m": metric(1)}, {"e": "-" * 240 + "m"}, work_budget()).line("e").values[0] == 1.0


def test_metrics_are_no_expressions() -> None:
    """Source: CloudWatch's user guide: METRICS "doesn't include math expressions"."""
    texts = {"a": "m0 * 100", "b": "SUM(METRICS())"}
    calculation = Calculation({"m0": metric(1), "m1": metric(2)}, texts, work_budget())
    assert calculation.line("a").values[0] == 100.0
    assert calculation.line("b").values[0] == 3.0
