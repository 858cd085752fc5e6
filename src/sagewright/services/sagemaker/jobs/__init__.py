"""Training, processing, transform and tuning jobs: their operations, checks and shapes.

Imports `resources`, `registry` for packages and algorithms, `hosting` for the models of transform jobs, and `experiments`.
"""
