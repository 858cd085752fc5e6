"""Forecasts that stand beside the network's. Imports no network."""
