"""Compares predicted ratings with those that were given, and with what users' and items' means alone predict."""

import json
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import report
from scipy.sparse import csr_matrix

HERE = Path("/opt/ml/processing")
table = pd.read_csv(HERE / "truth" / "ratings.csv")
split = int((table["part"] == "train").sum())
later = table["rating"].to_numpy(float)[split:]
lines = (HERE / "scores" / "ratings.jsonl.out").read_text().splitlines()
scores = np.array([json.loads(line)["score"] for line in lines if line])
columns = table[["user", "item"]].to_numpy()
rows = csr_matrix((np.ones(columns.size), columns.ravel(), np.arange(0, columns.size + 1, 2)))
biases = datasets.rmse_of_biases(rows, table["rating"].to_numpy(float), split)
rmse = float(np.sqrt(np.mean((scores - later) ** 2)))
constant = float(np.sqrt(np.mean((table["rating"][:split].mean() - later) ** 2)))

known = table[:split].groupby("user")["rating"].count().reindex(columns[split:, 0]).fillna(0).to_numpy()
parts = [(0, 10), (10, 20), (20, 40), (40, 10**9)]
by_count = [
    (
        f"{low} to {high - 1} ratings" if high < 10**9 else f"{low} and more",
        float(np.sqrt(np.mean((scores - later)[chosen] ** 2))),
    )
    for low, high in parts
    if (chosen := (known >= low) & (known < high)).any()
]
groups = np.array_split(np.argsort(scores), 20)
means = [scores[each].mean() for each in groups], [later[each].mean() for each in groups]
straight = [min(means[0]), max(means[0])]
drawing = report.chart({"given": means, "equal": (straight, straight)}, "predicted", "given")
sections = [
    report.figure("Predicted and given", "Means of twentieths of the ratings, in the order of the prediction.", drawing),
    report.figure("RMSE", "Root of the mean squared error, the less the better.", report.bars(
        [("this model", rmse), ("means of users and items", biases), ("one mean for all", constant)])),
    report.figure("RMSE by what is known of the user", "Users by the number of their ratings in training.", report.bars(by_count)),
]  # fmt: skip
more = {"RMSE": rmse, "RMSE_of_means_of_users_and_items": biases, "ratings_compared": len(later)}
title = "RMSE of ratings, as a share of that of means of users and items"
report.save(HERE / "evaluation", title, rmse / biases, "Recommender", sections, **more)
