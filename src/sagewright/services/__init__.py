"""One module for each resource of each AWS service; an operation is one function: check, put, return."""
