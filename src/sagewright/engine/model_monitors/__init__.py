"""Model monitors: schedules, their executions, and the processing jobs that analyze what an endpoint has captured.

`documents` are the stored documents; `offsets` and `windows` are arithmetic of times; `definitions` reads the two forms of a
monitoring job; `captured_data` finds the window's objects; `processing_requests` writes the requests of jobs; `alerts` judges
executions;
`schedules` makes an execution at each due time, and `executions` carries it out. Jobs are created by operations, through
`engine.calls`. Imports `engine.events` for cron, and no other wing.
"""
