"""`imaging user`: accounts, API keys and tokens."""

from __future__ import annotations

import sys

import click

from imaging.cli import Invocation, workspace_options

_PASSWORD_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of drawing one."
)


@click.group("user")
def command() -> None:
    """Accounts, API keys and bearer tokens."""


@command.command("add")
@click.argument("name")
@click.option("--operator", is_flag=True, help="May manage accounts and run the system; sees no content by that alone.")
@_PASSWORD_STDIN
@workspace_options
def add(invocation: Invocation, name: str, operator: bool, password_stdin: bool) -> None:
    """Add an account and show its password once."""
    workspace = invocation.workspace()
    by = invocation.user(workspace)
    given = _read_password() if password_stdin else None
    user, password = workspace.accounts.add(name, password=given, operator=operator, by=by.id)
    invocation.show({"username": user.username, "password": password}, _tell(user.username, password, given))


@command.command("password")
@click.argument("name")
@_PASSWORD_STDIN
@workspace_options
def password(invocation: Invocation, name: str, password_stdin: bool) -> None:
    """Give an account a new password, show it once, and end its sessions."""
    workspace = invocation.workspace()
    by = invocation.user(workspace)
    given = _read_password() if password_stdin else None
    user, new = workspace.accounts.renew_password(workspace.accounts.find(name).id, password=given, by=by.id)
    invocation.show({"username": user.username, "password": new}, _tell(user.username, new, given))


@command.command("key")
@click.argument("name")
@workspace_options
def key(invocation: Invocation, name: str) -> None:
    """Make an API key pair and show its private half once."""
    workspace = invocation.workspace()
    by = invocation.user(workspace)
    pair = workspace.accounts.key(workspace.accounts.find(name).id, by=by.id)
    document = {"publicKey": pair.public_key, "privateKey": pair.private_key}
    invocation.show(document, f"public   {pair.public_key}\nprivate  {pair.private_key}")


@command.command("token")
@click.argument("name")
@workspace_options
def token(invocation: Invocation, name: str) -> None:
    """Make a bearer token and show it once."""
    workspace = invocation.workspace()
    by = invocation.user(workspace)
    made = workspace.accounts.token(workspace.accounts.find(name).id, by=by.id)
    invocation.show({"token": made}, made)


@command.command("list")
@workspace_options
def list_users(invocation: Invocation) -> None:
    """List the accounts."""
    workspace = invocation.workspace()
    workspace.accounts.require_operator(invocation.user(workspace).id)
    users = workspace.accounts.list()
    rows = [{"id": u.id, "username": u.username, "operator": u.operator, "active": u.active} for u in users]
    text = "\n".join(
        f"{u.id:>6}  {u.username}{'  operator' if u.operator else ''}{'' if u.active else '  inactive'}" for u in users
    )
    invocation.show(rows, text)


def _tell(name: str, password: str, given: str | None) -> str:
    """Show a password that was drawn; one that was given is known, and a terminal remembers."""
    return f"{name}  {password}" if given is None else name


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")
