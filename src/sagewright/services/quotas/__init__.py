"""Limits of the account, its users and its roles.

`limits` refuses what exceeds a limit of instances, `standing` says who uses how much, `changes` sets limits and keeps requests for
larger ones. Operations of SageMaker and of Service Quotas import it. The limits of `model.quotas.IN_QUEUE` are the queue's
(`engine.jobs.sharing.allowances`).
"""
