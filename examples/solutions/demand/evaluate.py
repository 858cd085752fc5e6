"""Compares forecasts with the values that came, and with last year's values: MASE, coverage, and some of the series."""

import json
import os
from pathlib import Path

import numpy as np
import report

HERE = Path("/opt/ml/processing")
SEASON, HORIZON = 12, int(os.environ.get("HORIZON", "18"))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines() if line]


series = [np.array(one["target"], float) for one in lines(HERE / "truth" / "series.jsonl")]
answers = [one["quantiles"] for one in lines(HERE / "scores" / "series.jsonl.out")]
low, middle, high = (np.array([one[level] for one in answers]) for level in ("0.1", "0.5", "0.9"))
later = np.array([one[-HORIZON:] for one in series])
year = np.array([one[-HORIZON - SEASON : -HORIZON] for one in series])
naive = np.array([np.resize(one, HORIZON) for one in year])
past = [one[:-HORIZON] for one in series]
scale = np.array([max(np.abs(one[SEASON:] - one[:-SEASON]).mean(), 1e-9) for one in past])[:, None]
ours, theirs = (np.abs(each - later) / scale for each in (middle, naive))
mase, of_naive = ours.mean(), theirs.mean()

steps = list(range(1, HORIZON + 1))
curves = {"this model": (steps, ours.mean(axis=0)), "last year's values": (steps, theirs.mean(axis=0))}
sections = [
    report.figure(
        "Error by step", "Mean absolute scaled error of each step ahead.", report.chart(curves, "step", "MASE")
    )
]
order = np.argsort(ours.mean(axis=1))
for place, words in (
    (0.1, "one of the easiest tenth"),
    (0.5, "the one in the middle"),
    (0.9, "one of the hardest tenth"),
):
    number = order[int(place * (len(order) - 1))]
    ahead, before = list(range(HORIZON)), list(range(-min(len(past[number]), 48), 0))
    drawn = {
        "the past": (before, past[number][-48:]),
        "the forecast": (ahead, middle[number]),
        "what came": (ahead, later[number]),
    }
    drawing = report.chart(drawn, "months", "", bands=[(ahead, low[number], high[number])])
    sections.append(report.figure(f"A series: {words}", "The band holds four of five values.", drawing))
more = {
    "MASE": mase,
    "MASE_of_the_values_of_the_year_before": of_naive,
    "share_of_values_in_the_band": np.mean((later >= low) & (later <= high)),
    "series": len(series),
}
title = f"MASE of {HORIZON} months, as a share of that of last year's values"
report.save(HERE / "evaluation", title, mase / of_naive, "Demand forecast", sections, **more)
