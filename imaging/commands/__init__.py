"""Subcommands of `imaging` that need nothing above this package."""
