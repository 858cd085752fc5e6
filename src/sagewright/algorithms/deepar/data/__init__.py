"""Time series as training and serving see them: reads, aligns, scales and windows them. Imports no network."""
