"""`make_model.py FILE`: a logistic regression on 30 columns, as every server of bench/endpoints.py serves it."""

import sys

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression

random = np.random.default_rng(0)
rows = random.normal(size=(2000, 30))
joblib.dump(LogisticRegression().fit(rows, rows @ random.normal(size=30) > 0), sys.argv[1])
