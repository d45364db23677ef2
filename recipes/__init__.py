"""Recipes: the published systems as lists of parts, and what runs them at desk size."""
