"""One Clarify job, from analysis_config.json to analysis.json and the report.

run        start, log, exit message and exit code
job        the paths, hosts and outputs of the processing job
analysis   the configured methods in AWS's order
settings   names of columns for each method's settings
model      the model under analysis: the endpoint, started when it is first needed, and its artefact
texts, pictures, series    analyses of other data than tables
shares     rows divided among several hosts, and their values brought together
"""
