"""Token rows, training, serving and reload."""
