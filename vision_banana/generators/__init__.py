"""Training objectives and samplers around a network."""
