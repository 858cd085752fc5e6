"""Reconcilers: what is wanted compared with what is observed, until they agree."""
