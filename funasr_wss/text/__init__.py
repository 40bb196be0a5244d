"""Everything that happens to recognised text between a model and the client."""
