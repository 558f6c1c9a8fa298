"""Sources of scenes, mixtures of tasks, and the input pipeline."""
