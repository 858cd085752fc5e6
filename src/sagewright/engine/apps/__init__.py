"""Apps of Studio and notebook instances, whose programs run in jobs outside the queue.

`app_documents`: their stored documents; `reconciler`: one job per start, restarts and ends; `activity`: what a program reports
about its users; `homes`: directories that survive a start; `app_routes`: where the programs answer. May import `engine.jobs`
and below.
"""
