"""Models of a tuning job's objective: transformations of trials, kernels, Gaussian processes and learning curves. Imports
study, space and points, never a searcher.
"""
