"""Records that endpoints capture, as Clarify and Model Monitor read them inside jobs.

    parts  the text and the cells of a record's parts, and the ground truth of its rows

Imports only the standard library.
"""
