"""Models and readers that others add, found by entry points."""
