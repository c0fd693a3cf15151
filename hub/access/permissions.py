"""What may be done, and how far: the names of all permissions, and which roles there are from the start.

A role is a set of permissions, each with a scope (`hub.access.roles`). Every endpoint names the one that it needs, and
its handler sees what that permission reaches. Nothing else decides who may see or do what.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """How far a permission reaches, from near to far."""

    OWN = "own"  # conversations on one's desk, or offered to one
    QUEUE = "queue"  # and those of one's queues
    ALL = "all"


class Permission(StrEnum):
    """What a role can allow."""

    CONVERSATION_READ = "conversation.read"
    CONVERSATION_REPLY = "conversation.reply"
    CONVERSATION_HANDLE = "conversation.handle"
    CONTACT_READ = "contact.read"
    CONTACT_EDIT = "contact.edit"
    CALL_MAKE = "call.make"
    CALL_SUPERVISE = "call.supervise"
    RECORDING_PLAY = "recording.play"
    BOARD_READ = "board.read"
    REPORT_READ = "report.read"
    EVENT_READ = "event.read"
    SEND_SETTLE = "send.settle"
    QUARANTINE_MANAGE = "quarantine.manage"
    CHANNEL_READ = "channel.read"
    CHANNEL_MANAGE = "channel.manage"
    QUEUE_MANAGE = "queue.manage"
    ROLE_MANAGE = "role.manage"


class Access(StrEnum):
    """What an endpoint may ask instead of a permission."""

    ANYONE = "anyone"  # no sign-in: the sign-in itself, and what pages need before it
    SIGNED_IN = "signed in"  # one's own things: profile, presence, tokens


@dataclass(frozen=True, slots=True)
class Meaning:
    """In which group a permission is shown, what it lets somebody do, and whether less than everything can be given."""

    group: str
    text: str
    scoped: bool = True


MEANINGS: dict[Permission, Meaning] = {
    Permission.CONVERSATION_READ: Meaning("conversations", "See conversations and everything said in them"),
    Permission.CONVERSATION_REPLY: Meaning("conversations", "Write to customers, and start conversations"),
    Permission.CONVERSATION_HANDLE: Meaning(
        "conversations", "Take, transfer, snooze, resolve and reopen; add notes; plan callbacks"
    ),
    Permission.CONTACT_READ: Meaning("contacts", "Find customers and see their records", scoped=False),
    Permission.CONTACT_EDIT: Meaning("contacts", "Change records, addresses and consent; link records"),
    Permission.CALL_MAKE: Meaning("calls", "Take and make telephone calls"),
    Permission.CALL_SUPERVISE: Meaning("calls", "See others' calls, listen, whisper and join"),
    Permission.RECORDING_PLAY: Meaning("calls", "Play recordings"),
    Permission.BOARD_READ: Meaning("numbers", "See the board of queues as they are now"),
    Permission.REPORT_READ: Meaning("numbers", "See the history of queues, and ratings"),
    Permission.EVENT_READ: Meaning("operations", "Read the event log"),
    Permission.SEND_SETTLE: Meaning("operations", "Say what became of messages that may have been sent"),
    Permission.QUARANTINE_MANAGE: Meaning("operations", "Replay or discard what could not be taken in"),
    Permission.CHANNEL_READ: Meaning("channels", "See numbers, their templates and limits"),
    Permission.CHANNEL_MANAGE: Meaning("channels", "Connect mailboxes and change them", scoped=False),
    Permission.QUEUE_MANAGE: Meaning("administration", "Make queues and change them", scoped=False),
    Permission.ROLE_MANAGE: Meaning("administration", "Make roles, and give them to people", scoped=False),
}
# who reads nothing cannot be given these: each shows conversations
NEEDS_READING = frozenset(
    p for p in Permission if p.value.startswith("conversation.") and p is not Permission.CONVERSATION_READ
) | {Permission.CALL_SUPERVISE, Permission.RECORDING_PLAY, Permission.SEND_SETTLE, Permission.EVENT_READ}
FAR = {Scope.OWN: 1, Scope.QUEUE: 2, Scope.ALL: 3}
