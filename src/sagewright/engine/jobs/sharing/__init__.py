"""How users share the machine: `fairness` says whose job is next, as a pure function; `lines` reads the queue in that order;
`allowances` are the limits that hold a job in the queue. Imports the reservations and plans of `engine.jobs`; its queue imports it.
"""
