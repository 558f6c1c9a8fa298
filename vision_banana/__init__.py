"""Image generators as generalist vision learners, in JAX."""
