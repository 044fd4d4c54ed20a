"""Subcommands of `imaging` that serve."""
