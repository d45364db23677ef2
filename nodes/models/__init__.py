"""Model clients: what the graph asks of a language model."""
