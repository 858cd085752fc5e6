"""Application Auto Scaling of the variants of endpoints."""
