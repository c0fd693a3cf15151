"""People beside us on the same PostgreSQL: other databases, and sessions that leave transactions open."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier

from hub.core.functions import CURRENT

Foreign = psycopg.Connection[tuple[object, ...]]


def named(url: str, database: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def find_functions(admin: psycopg.Connection[tuple[object, ...]], database: str) -> None:
    """Let whatever a test asks by itself find the functions and views that the hub's own connections find."""
    path = SQL(",").join(map(Identifier, CURRENT.search_path.split(",")))
    admin.execute(SQL("alter database {} set search_path = {}").format(Identifier(database), path))


@contextmanager
def other_database(url: str, *, finds_functions: bool = True) -> Generator[str]:
    """A database of somebody else's on the same server; its URL."""
    name = f"foreign_{secrets.token_hex(4)}"
    with psycopg.connect(named(url, "postgres"), autocommit=True) as admin:
        admin.execute(SQL("create database {}").format(Identifier(name)))
        if finds_functions:
            find_functions(admin, name)
    try:
        yield named(url, name)
    finally:
        with psycopg.connect(named(url, "postgres"), autocommit=True) as admin:
            admin.execute(SQL("drop database if exists {} with (force)").format(Identifier(name)))


@contextmanager
def open_writer(url: str, application: str = "psql") -> Generator[Foreign]:
    """A session that has written something and does not commit, until the end of the block; then it rolls back."""
    conn = psycopg.connect(url, application_name=application)
    try:
        conn.execute("select pg_current_xact_id()")
        yield conn
    finally:
        conn.close()
