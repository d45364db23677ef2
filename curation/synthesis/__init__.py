"""New questions from pages, each checked by code before it counts."""
