"""A script whose hyperparameters are tuned: a forest on handwritten digits. The tuner reads `accuracy: …` from its log."""

import argparse
import os

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

parser = argparse.ArgumentParser()
parser.add_argument("--max-depth", type=int)
parser.add_argument("--max-features", type=float)
args = parser.parse_args()

table = pd.read_csv(f"{os.environ['SM_CHANNEL_TRAINING']}/digits.csv", header=None)
pixels, digits = table.iloc[:, 1:], table.iloc[:, 0]
forest = RandomForestClassifier(20, max_depth=args.max_depth, max_features=args.max_features, random_state=0)
print(f"accuracy: {cross_val_score(forest, pixels, digits, cv=3).mean():.4f}")
joblib.dump(forest.fit(pixels, digits), f"{os.environ['SM_MODEL_DIR']}/model.joblib")
