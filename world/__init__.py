"""The desk world: a fictional web with questions about it."""
