"""The graphs, their factories, the recorder and the rollout engine."""
