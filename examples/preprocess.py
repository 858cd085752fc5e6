"""Runs in a processing job: splits a table of digits, and says what it did."""

import argparse
import pathlib

import pandas as pd
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--test-size", type=float, default=0.2)
arguments = parser.parse_args()

base = pathlib.Path("/opt/ml/processing")
table = pd.read_csv(base / "input" / "digits.csv", header=None)
train, test = train_test_split(table, test_size=arguments.test_size, random_state=0, stratify=table[0])
for name, part in (("train", train), ("test", test)):
    (base / name).mkdir(exist_ok=True)
    part.to_csv(base / name / f"{name}.csv", header=False, index=False)
    print(f"{name}: {len(part)} rows of {table.shape[1]} columns")
