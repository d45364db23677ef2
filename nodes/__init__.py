"""The steps of the graph, the model client and the dialects."""
