"""Explanations of an endpoint's predictions (`ClarifyExplainerConfig`), in a container beside the model's on each instance.

    settings  the explainer's configuration, from its environment
    records   records of requests and of predictions
    sessions  one explanation, which may ask for scores of further records
    explainer what is explained, and how
    service   the server

The explainer calls no model itself: the front brings it a request with the model's answer, and answers each question for scores by
asking the model again. So neither container can reach the other, and a model may be a chain of containers, or a custom one.
A built-in XGBoost or linear learner is evaluated here, from its artefact; then there are no questions.

The protocol is HTTP's: a POST of a request and its answer, whose border is in SPLIT, begins a session. Its response has the header
SESSION if it is a question: the body is for the model, and the next POST, with the same header, has the model's answer. The last
response is the client's. 400 is a fault of the request, with its text.

Source: the developer guide, "Online Explainability with SageMaker Clarify".
"""
