"""Subcommands of `imaging` that do background work."""
