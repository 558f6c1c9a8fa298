"""Mesh, optimiser, one pure step, checkpoints and the loop."""
