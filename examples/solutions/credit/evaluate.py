"""Compares scores with what became of the loans, and gathers what Clarify found: groups, and reasons."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import report
from sklearn.metrics import roc_auc_score, roc_curve

HERE = Path("/opt/ml/processing")
scores = np.loadtxt(HERE / "scores" / "applications.csv.out", delimiter=",").ravel()
table = pd.read_csv(HERE / "truth" / "applications.csv")
good = table["good"].to_numpy()
auc = roc_auc_score(good, scores)

reasons = json.loads((HERE / "clarify" / "reasons" / "analysis.json").read_text())
values = reasons["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
found = json.loads((HERE / "clarify" / "bias" / "analysis.json").read_text())
groups = [
    (f"{facet}: {one['value_or_threshold']}", metric["name"], metric["description"], f"{metric['value']:.3f}")
    for facet, each in found["post_training_bias_metrics"]["facets"].items()
    for one in each
    for metric in one["metrics"]
    if metric["name"] in ("DPPL", "DI", "AD", "RD") and metric["value"] is not None
]
roc = roc_curve(good, scores)
approved = scores >= 0.5
shares = [(f"{sex}: {len(part)} loans", approved[part.index].mean()) for sex, part in table.groupby("sex")]
sections = [
    report.figure(
        "Reasons of the decisions",
        "Mean effect of each column on the score, by Clarify's SHAP values.",
        report.bars(sorted(values.items(), key=lambda each: -each[1])[:10]),
    ),
    report.table("Groups compared, by Clarify", [("group", "metric", "", "value"), *groups]),
    report.figure(
        "Approved at a score of 0.5", "The share of each group; the model has no column sex.", report.bars(shares)
    ),
    report.figure(
        "Good loans found by their score",
        "Of good loans (up) and bad ones (across), the share with a score above each threshold.",
        report.chart({"this model": (roc[0], roc[1]), "by chance": ([0, 1], [0, 1])}, "bad loans", "good loans"),
    ),
]
more = {"share_of_good_loans": good.mean(), "share_approved": approved.mean()}
report.save(HERE / "evaluation", "AUC of loans that are paid back", auc, "Explained credit decisions", sections, **more)
