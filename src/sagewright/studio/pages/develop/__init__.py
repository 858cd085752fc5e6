"""Pages of what is built: jobs, tuning, experiments, pipelines. Imports no page of `ship`."""
