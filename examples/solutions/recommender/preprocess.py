"""Turns ratings into rows of two ones, who and what: sparse records for training, JSON Lines for the rest."""

import json
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

HERE = Path("/opt/ml/processing")
COLUMNS = ["user", "item", "rating"]

table = pd.concat(pd.read_csv(path) for path in sorted((HERE / "data").glob("*.csv")))
if not set(COLUMNS) <= set(table):
    raise SystemExit(f"The ratings need the columns {', '.join(COLUMNS)}; they have {', '.join(table.columns)[:400]}.")
table = table[COLUMNS].sample(frac=1, random_state=0)
users, items = (table[name].astype("category") for name in ("user", "item"))
first = len(users.cat.categories)  # the column of the first item
columns = np.column_stack([users.cat.codes.astype(int), first + items.cat.codes.astype(int)])
width, split = first + len(items.cat.categories), int(len(table) * 0.9)
rows = csr_matrix(
    (np.ones(columns.size, np.float32), columns.ravel(), np.arange(0, columns.size + 1, 2)), (len(table), width)
)
(HERE / "train" / "ratings.rec").write_bytes(
    datasets.sparse_records(rows[:split], table["rating"].to_numpy("float32")[:split])
)
with (HERE / "test" / "ratings.jsonl").open("w") as stream:
    for pair in columns[split:].tolist():
        stream.write(json.dumps({"data": {"features": {"keys": pair, "shape": [width], "values": [1, 1]}}}) + "\n")
truth = pd.DataFrame({"user": columns[:, 0], "item": columns[:, 1], "rating": table["rating"].to_numpy()})
truth.assign(part=np.where(np.arange(len(table)) < split, "train", "test")).to_csv(
    HERE / "truth" / "ratings.csv", index=False
)
names = {"users": users.cat.categories.tolist(), "items": items.cat.categories.tolist()}
(HERE / "truth" / "names.json").write_text(json.dumps(names))  # the column of each user, and after them of each item
(HERE / "sizes" / "sizes.json").write_text(json.dumps({"columns": width}))
print(f"{split} ratings for training, {len(table) - split} others, of {first} users and {width - first} items")
