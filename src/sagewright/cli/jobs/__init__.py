"""Jobs: training, processing, transform and tuning; their names, logs and runs.

Imports `client`, `lean`, `options` and `output`."""
