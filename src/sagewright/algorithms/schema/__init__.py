"""Declarations of built-in algorithms: hyperparameters with their domains, channels, metrics, and the texts of their errors.
Imports no algorithm, no NumPy.
"""
