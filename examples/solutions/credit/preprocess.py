"""Turns the applications into numbers, each column by itself, so that every reason keeps its name."""

import json
from pathlib import Path

import pandas as pd

HERE = Path("/opt/ml/processing")
LABEL, GROUP = "good", "sex"

table = pd.concat(pd.read_csv(path) for path in sorted((HERE / "data").glob("*.csv")))
if not {LABEL, GROUP} <= set(table) or set(table[LABEL].unique()) != {0, 1}:
    words = f"The applications need a column {LABEL} of 0 and 1, and a column {GROUP}"
    raise SystemExit(f"{words}; the columns are {', '.join(table.columns)[:400]}.")
table.insert(0, LABEL, table.pop(LABEL))
known, codes = table.sample(frac=0.6, random_state=0), {}
for name in table.columns[1:]:
    if (
        table[name].dtype in (object, bool) and name != GROUP
    ):  # words in the order of how often such loans were paid back
        good = known.groupby(name)[LABEL].mean().sort_values()
        codes[name] = {word: place for place, word in enumerate(good.index)}
        table[name] = table[name].map(codes[name]).fillna(-1).astype(int)
train = table.loc[known.index]
rest = table.drop(known.index)
validation = rest.sample(frac=0.35, random_state=0)
test = rest.drop(validation.index)
for name, part in {"train": train, "validation": validation}.items():
    part.drop(columns=GROUP).to_csv(HERE / name / "applications.csv", header=False, index=False)
test.drop(columns=[LABEL, GROUP]).to_csv(HERE / "test" / "applications.csv", header=False, index=False)
test.to_csv(HERE / "explained" / "applications.csv", header=False, index=False)
test.to_csv(HERE / "truth" / "applications.csv", index=False)
(HERE / "truth" / "codes.json").write_text(json.dumps(codes, indent=1))
print({"train": len(train), "validation": len(validation), "test": len(test)}, codes)
