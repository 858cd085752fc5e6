"""Divides readings, in the order in which they came: the past to learn from, and a later stretch to watch."""

import json
from pathlib import Path

import pandas as pd

HERE = Path("/opt/ml/processing")
PAST, STREAM = 20_000, 6_000
LABEL = "anomaly"

table = pd.concat(pd.read_csv(path) for path in sorted((HERE / "data").glob("*.csv")))
numbers = table.drop(columns=LABEL, errors="ignore").select_dtypes("number")
if LABEL not in table or numbers.shape[1] < table.shape[1] - 1:
    wrong = sorted(set(table) - set(numbers) - {LABEL}) or [f"no column {LABEL}"]
    raise SystemExit(f"The readings need numbers in all columns, and {LABEL} of 0 and 1: {', '.join(wrong)[:400]}.")
past = min(PAST, len(table) * 3 // 4)  # what comes later is not learnt
stream = slice(past, past + STREAM)
numbers[:past].to_csv(HERE / "train" / "readings.csv", header=False, index=False)
numbers[stream].to_csv(HERE / "test" / "readings.csv", header=False, index=False)
table[LABEL][stream].to_csv(HERE / "truth" / "anomalies.csv", index=False)
(HERE / "sizes" / "sizes.json").write_text(json.dumps({"columns": numbers.shape[1]}))
print(f"{past} readings of {numbers.shape[1]} sensors for training, {len(numbers[stream])} to watch")
