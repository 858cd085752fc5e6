"""Text generation by causal language models of transformers: streams, payloads of Text Generation Inference and of OpenAI, and
small models that a job trains.

`payloads` reads requests, `tokens` produces tokens one by one, `answers` puts them into each client's form.
"""
