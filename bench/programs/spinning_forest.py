"""Boosted trees of scikit-learn on small data; prints the wall seconds of the fit."""

import time

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

random = np.random.default_rng(0)
rows = random.normal(size=(3000, 20))
labels = rows[:, 0] + rows[:, 1] ** 2 + random.normal(size=len(rows)) > 0.5
HistGradientBoostingClassifier(max_iter=2).fit(rows, labels)
begin = time.perf_counter()
HistGradientBoostingClassifier(max_iter=60).fit(rows, labels)
print(time.perf_counter() - begin)
