"""A first model: a forest learns handwritten digits that come with scikit-learn, so it needs no data and no SDK."""

import os
from pathlib import Path

import joblib
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

pixels, labels = load_digits(return_X_y=True)
train, test, train_labels, test_labels = train_test_split(pixels, labels, test_size=0.25, random_state=0)
print(f"training on {len(train)} digits, testing on {len(test)}")
model = RandomForestClassifier(200, random_state=0).fit(train, train_labels)
print(f"test_accuracy={model.score(test, test_labels):.4f}")
joblib.dump(model, Path(os.environ["SM_MODEL_DIR"]) / "model.joblib")
