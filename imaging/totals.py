"""How much a workspace holds, for who operates it: counts, and nothing that says of what."""

from __future__ import annotations

from imaging.accounts import Accounts
from imaging.domain.base import UserKey
from imaging.domain.counts import Totals
from imaging.store.counts import count_all
from imaging.store.database import Database


class WorkspaceCounts:
    """Counts over all projects; operators only."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts

    def totals(self, *, by: UserKey) -> Totals:
        """Count accounts, projects, images, annotations, terms and ontologies."""
        self._accounts.require_operator(by)
        with self._database.read() as transaction:
            return count_all(transaction)
