"""The strategies of a tuning job, each of which suggests the next trials: Bayesian, Hyperband, grid, early stopping. Imports
surrogates and the study.
"""
