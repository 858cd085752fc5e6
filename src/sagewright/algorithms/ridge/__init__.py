"""Linear models of few rows: all penalties at once, each judged at every row by a model that has not learnt from it, and their
average.

`rotation` finds coordinates, `paths` and `softmax` solve for all penalties, `averages` has the shares of the models, and `families`
joins them. Nothing here knows of jobs.
"""
