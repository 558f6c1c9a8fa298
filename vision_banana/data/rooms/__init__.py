"""Procedural rooms: scenes, renderer, language and edits."""
