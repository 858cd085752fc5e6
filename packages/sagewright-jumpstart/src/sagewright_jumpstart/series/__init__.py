"""Forecasts of time series by FraCast, without training."""
