"""A flow as a processing job.

settings   the job's arguments, inputs and outputs
counting   rows of each step, counted as they stream by
running    the run itself: from the flow to files
downloads  sources that no input of the job brings
reports    charts and insights as JSON
uploads    destinations that no output of the job covers
run        start, end, log and exit message
"""
