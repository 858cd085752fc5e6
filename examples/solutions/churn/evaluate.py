"""Compares the scores of customers that the model has not seen with what they did."""

from pathlib import Path

import numpy as np
import pandas as pd
import report
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

HERE = Path("/opt/ml/processing")
scores = np.loadtxt(HERE / "scores" / "customers.csv.out", delimiter=",").ravel()
table = pd.read_csv(HERE / "truth" / "customers.csv")
left = table.pop("churn").to_numpy()
auc = roc_auc_score(left, scores)

tenth = np.argsort(-scores)[: len(scores) // 10]
(stay, false), (missed, found) = confusion_matrix(left, scores >= 0.5)
roc = roc_curve(left, scores)
groups = np.array_split(np.argsort(-scores), 10)
features = table.corrwith(pd.Series(scores)).dropna().sort_values(key=abs, ascending=False)[:8]
sections = [
    report.table(
        f"{len(scores)} customers, judged at a score of 0.5",
        [("", "stayed", "left"), ("score below 0.5", stay, missed), ("score of 0.5 and more", false, found)],
    ),
    report.figure(
        "Customers who left, found by their score",
        "Of those who left (up) and those who stayed (across), the share with a score above each threshold.",
        report.chart({"this model": (roc[0], roc[1]), "by chance": ([0, 1], [0, 1])}, "stayed", "left"),
    ),
    report.figure(
        "Who left, by tenths of the score",
        "The share that left in each tenth of the customers; the first has the highest scores.",
        report.bars([(f"tenth {number}", left[each].mean()) for number, each in enumerate(groups, 1)]),
    ),
    report.figure(
        "What goes along with a high score", "Correlation of columns with the score.", report.bars(features.items())
    ),
]
more = {"share_left": left.mean(), "share_left_in_the_first_tenth": left[tenth].mean()}
report.save(HERE / "evaluation", "AUC of customers who leave", auc, "Customer churn", sections, **more)
