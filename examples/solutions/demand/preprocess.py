"""Turns the series of a competition into DeepAR's records; the last values of each are kept for the comparison."""

import json
import os
from pathlib import Path

HERE = Path("/opt/ml/processing")
HORIZON = int(os.environ.get("HORIZON", "18"))
SHORTEST = 24  # two years: the forecast that this one must beat looks at the year before

series = []
for path in sorted((HERE / "data").glob("*.json*")):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        record = json.loads(line)
        if not {"start", "target"} <= set(record):
            raise SystemExit(
                f"{path.name}, line {number}: a record needs start and target, it has {', '.join(record)[:200]}."
            )
        if len(record["target"]) >= SHORTEST + HORIZON:
            series.append({"start": record["start"], "target": record["target"]})
if not series:
    raise SystemExit(f"No series is as long as {SHORTEST} values and the {HORIZON} that are forecast.")
known = "".join(json.dumps({**one, "target": one["target"][:-HORIZON]}) + "\n" for one in series)
for name in ("train", "test"):
    (HERE / name / "series.jsonl").write_text(known)
(HERE / "truth" / "series.jsonl").write_text("".join(json.dumps(one) + "\n" for one in series))
print(f"{len(series)} series, {sum(len(one['target']) for one in series)} values")
