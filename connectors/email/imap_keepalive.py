"""Noticing that a line went dead without a word."""

from __future__ import annotations

import asyncio
import contextlib
import socket


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Have the system ask the other end within a minute, also while we only listen (IDLE)."""
    end = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
