"""From traces to training data."""
