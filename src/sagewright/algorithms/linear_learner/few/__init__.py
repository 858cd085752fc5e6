"""Linear models of few rows: all penalties at once, each judged at every row by a model that has not learnt from it, and their
average.

The numerics know nothing of jobs: `rotation` finds the coordinates, `paths` solves for all penalties, `averages` combines the
models. `training` joins them; it may import linear learner's other modules.
"""
