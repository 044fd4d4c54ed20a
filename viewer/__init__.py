"""The web process: the annotation API and the page."""
