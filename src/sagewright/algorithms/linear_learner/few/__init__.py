"""Linear models of few rows: all penalties at once, each judged at every row by a model that has not learnt from it, and their
average.

Modules: `copies`, `rotation`, `squared`, `logistic`, `averages` are numerics that know nothing of jobs; `training` joins them. They
import the modules of linear learner above them, and each other downwards in this list's order reversed.
"""
