"""Who did what and when: a record of each operation that changes something, and of each denial, in AWS CloudTrail's form.

`actions` says which operations are recorded, `redaction` bounds their parameters and hides secrets, `records` forms the record,
`budgets` bounds failures, `spool` keeps records until the store has them, `trail` joins these. Read by `services.aws.cloudtrail`.
"""
