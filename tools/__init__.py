"""Search providers, page readers, caches and safety."""
