"""Divides the customers into three parts: CSV for XGBoost, label first, words as columns of 0 and 1."""

from pathlib import Path

import pandas as pd

HERE = Path("/opt/ml/processing")
LABEL = "churn"

table = pd.concat(pd.read_csv(path) for path in sorted((HERE / "data").glob("*.csv")))
if LABEL not in table or set(table[LABEL].unique()) != {"yes", "no"}:
    raise SystemExit(
        f"The customers need a column {LABEL} of yes and no; the columns are {', '.join(table.columns)[:400]}."
    )
label = (table.pop(LABEL) == "yes").astype(int)
words = [name for name in table if table[name].dtype == object]
many = [name for name in words if table[name].nunique() > 20]  # names, states: more columns than they are worth
table = pd.get_dummies(table.drop(columns=many), columns=[name for name in words if name not in many], dtype=int)
table.insert(0, LABEL, label)
table = table.sample(frac=1, random_state=0)
ends = [int(len(table) * share) for share in (0.7, 0.8)]
parts = {
    "train": table[: ends[0]],
    "validation": table[ends[0] : ends[1]],
    "test": table[ends[1] :].drop(columns=LABEL),
}
for name, part in parts.items():
    part.to_csv(HERE / name / "customers.csv", header=False, index=False)
table[ends[1] :].to_csv(HERE / "truth" / "customers.csv", index=False)
print({name: part.shape for name, part in parts.items()})
