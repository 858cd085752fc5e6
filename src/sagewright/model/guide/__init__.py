"""The guide, for the command and for Studio: `tree` (questions and algorithms), `scenarios` (the twenty questions of the exam),
`suggestion` (answers read from the first bytes of data), `solutions` (the templates). It imports nothing of the others.
"""
