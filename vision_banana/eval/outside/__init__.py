"""Models outside this house: asked over HTTP, never lost, never paid for twice."""
