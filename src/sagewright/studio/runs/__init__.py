"""Parts of pages about runs, which have no separate page.

`curvestyle` has the style of curves in the URL, `rungraphs` the graphs that runs logged, `usedby` the jobs and models around an
object, and `intervals` bounds of a rate.
"""
