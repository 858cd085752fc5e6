"""Heat maps of pictures: Shapley values of their segments, for classifiers and object detectors.

    files        pictures read within limits, and names of results
    segments     SLIC segments, backgrounds, pictures of coalitions
    boxes        detected objects: overlap, context
    models       pictures → scores or objects, by requests to an endpoint
    heatmaps     pictures of the results
    explanation  pictures → results

A module imports the ones above it. Source: the developer guide, "SageMaker Clarify Computer Vision"; the SDK's ImageConfig.
"""
