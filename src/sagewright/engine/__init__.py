"""Reconcilers: compare the desired with the observed state until they agree."""
