"""Model Monitor's analyzer, inside a processing job.

    __main__      `python -m sagewright.monitor`: the program of sagemaker-model-monitor-analyzer and -groundtruth-merger
    run           start and end of a job: its log, exit message and exit code
    job           the variables, paths and hosts of a monitor's job
    captured      files of captured and merged records, hour by hour
    datasets      rows of captured records, CSV, JSON and Parquet
    scripts       the user's preprocessor and post-analytics script
    features      quality of data: statistics, constraints and violations of columns
    quality       quality of a model: metrics of predictions against ground truth
    merging       joins captured records with ground truth
    documents     the baseline's files, and reports
    metric_lines  metrics for CloudWatch

It reads files and its environment, keeps no more than a batch of records in memory, and imports nothing but `captured`.
Source: the developer guide, "Container contract inputs" and "Ingest ground truth labels and merge them with predictions".
"""
