"""People beside us on the same PostgreSQL: other databases, and sessions that leave transactions open."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier

Foreign = psycopg.Connection[tuple[object, ...]]


def named(url: str, database: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@contextmanager
def other_database(url: str) -> Generator[str]:
    """A database of somebody else's on the same server; its URL."""
    name = f"foreign_{secrets.token_hex(4)}"
    with psycopg.connect(named(url, "postgres"), autocommit=True) as admin:
        admin.execute(SQL("create database {}").format(Identifier(name)))
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
