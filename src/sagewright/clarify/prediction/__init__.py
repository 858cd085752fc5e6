"""Predictions of a model behind an endpoint.

endpoints   an endpoint of the job's own, removed when the job ends, or the one that the configuration names
requests    rows as CSV, JSON Lines or JSON, by templates
answers     scores and labels from CSV, JSON Lines or JSON
endpoint_model   both together: rows → scores, in batches as large as the endpoint takes
captured    requests and answers that an endpoint captured, with ground truth
"""
