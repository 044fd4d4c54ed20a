"""`python -m imaging` is the `imaging` command."""

from imaging.cli import run

run()
