from __future__ import annotations

from sagewright.agent.metrics import MetricScanner


def scan(line: str, *definitions: tuple[str, str]) -> list[tuple[str, float]]:
    return list(MetricScanner({"Name": name, "Regex": regex} for name, regex in definitions).scan(line))


def test_the_first_group_is_the_value() -> None:
    assert scan("[3]#011train-rmse:0.25#011x", ("train:rmse", r".*\[[0-9]+\].*#011train-rmse:(\S+).*")) == [
        ("train:rmse", 0.25)
    ]
    assert scan("loss=1e-3 acc=.5", ("loss", r"loss=(\S+)"), ("acc", r"acc=(\S+)")) == [("loss", 0.001), ("acc", 0.5)]


def test_what_is_no_number_or_no_regex_is_left_out() -> None:
    assert scan("loss=high", ("loss", r"loss=(\S+)")) == []
    assert scan("loss=1", ("loss", r"loss=("), ("none", r"loss=\d")) == []
    assert scan("a", ("optional", r"a(\d)?")) == []


def test_a_definition_given_twice_counts_once() -> None:
    assert scan("a=1", ("a", r"a=(\d)"), ("a", r"a=(\d)")) == [("a", 1.0)]
