"""Which questions to train on: annotation, and the paper's diversity-aware sampling."""
