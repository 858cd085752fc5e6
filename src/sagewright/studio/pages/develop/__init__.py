"""Pages for building: jobs, tuning, experiments, pipelines. Imports no page of `ship`."""
