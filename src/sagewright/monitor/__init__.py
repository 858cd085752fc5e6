"""Model Monitor's analyzer, inside a processing job.

    __main__     `python -m sagewright.monitor`: the program of sagemaker-model-monitor-analyzer and -groundtruth-merger
    run          start and end of a job: its log, exit message and exit code
    job          the variables and paths of a monitor's job
    captured     files of captured and merged records, hour by hour
    merging      joins captured records with ground truth

It reads files and its environment, uses the memory of one record at a time, and imports nothing of the server.
Source: the developer guide, "Container contract inputs" and "Ingest ground truth labels and merge them with predictions".
"""
