"""Compares scores of a stream with the anomalies that experts saw, and chooses the threshold of an alarm."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import report
from sklearn.metrics import precision_score, recall_score, roc_auc_score, roc_curve

HERE = Path("/opt/ml/processing")
DOTS = 400
truth = pd.read_csv(HERE / "truth" / "anomalies.csv")["anomaly"].to_numpy(int)
lines = (HERE / "scores" / "readings.csv.out").read_text().splitlines()
scores = np.array([json.loads(line)["score"] for line in lines if line])
auc = roc_auc_score(truth, scores)
threshold = float(np.quantile(scores, 1 - 1.5 * truth.mean()))  # half as many alarms more than there are anomalies
alarms = scores >= threshold

curve = roc_curve(truth, scores)
groups = np.array_split(np.arange(len(scores)), 300)
highest = [int(each[scores[each].argmax()]) for each in groups]
anomalous = np.flatnonzero(truth)[:: max(1, int(truth.sum()) // DOTS)]
lines_of_time = {
    "highest score of each 20 readings": (highest, scores[highest]),
    "threshold": ([0, len(scores)], [threshold] * 2),
}
counts = pd.crosstab(truth, alarms).reindex(columns=[False, True], fill_value=0)
rows = [(("usual", "anomaly")[kind], *counts.loc[kind]) for kind in counts.index]
sections = [
    report.figure(
        "The stream", "Readings in the order in which they came; dots are those that experts call anomalous.",
        report.chart(lines_of_time, "reading", "score", dots=(anomalous, scores[anomalous])),
    ),
    report.figure(
        "Anomalies found by their score",
        "Of anomalies (up) and other readings (across), the share with a score above each threshold.",
        report.chart({"this model": (curve[0], curve[1]), "by chance": ([0, 1], [0, 1])}, "other readings", "anomalies"),
    ),
    report.table("Alarms", [("", "quiet", "alarm"), *rows]),
]  # fmt: skip
more = {
    "share_of_anomalies": truth.mean(),
    "threshold": threshold,
    "share_of_alarms_that_are_right": precision_score(truth, alarms),
    "share_of_anomalies_that_are_found": recall_score(truth, alarms),
}
report.save(HERE / "evaluation", "AUC of the stream's anomalies", auc, "Anomalies in a stream", sections, **more)
