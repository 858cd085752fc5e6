"""A fitted flow in front of a model: a container of an inference pipeline that applies the flow to each request."""
