"""Scenes to samples: prompts, references and target values."""
