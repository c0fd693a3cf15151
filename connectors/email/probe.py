"""Trying an account's servers, and saying in plain words what is wrong and what to do about it.

Nothing is read, sent or changed: sign in, open the folder, say goodbye.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from dataclasses import replace
from typing import Literal

from connectors.email.access import Access
from connectors.email.compose import tagged
from connectors.email.imap import Mailbox
from connectors.email.imap_errors import Lost, NoStartTls, Refused, SignInRefused, WantsTls
from connectors.email.oauth import ConsentEnded
from connectors.email.settings import Settings
from connectors.email.smtp import greet
from hub.channels.mailboxes import Check
from hub.channels.model import Account, SendError
from hub.core.errors import HubError, Unavailable

Part = Literal["imap", "smtp"]
PLUS = "answers-come-here"  # the plus-part that is tried; names no conversation
SECONDS = 15.0  # servers answer slowly after a wrong password; for each of the two servers
_APP_PASSWORD = re.compile(
    r"application[- ]specific|app(?:lication)?[- ]password|5\.7\.9|authorization code|授权码|客户端专用密码|独立密码",
    re.IGNORECASE,
)
_NO_PASSWORDS = re.compile(
    r"basic auth|LogonDenied-BasicAuthBlocked|SmtpClientAuthentication is disabled|5\.7\.139|web browser|oauth",
    re.IGNORECASE,
)
_WANTS_TLS = re.compile(
    r"\b530\b|must issue a starttls|starttls (?:first|required)|encryption required|5\.7\.0 must", re.IGNORECASE
)
_CLEAR = re.compile(r"WRONG_VERSION_NUMBER|UNKNOWN_PROTOCOL|record layer failure|packet length too long", re.IGNORECASE)


async def probe(access: Access, account: Account) -> list[Check]:
    """Try what the account is configured with, both servers side by side."""
    settings: Settings = account.settings
    work = [
        *([_imap(access, _quick(account))] if settings.imap is not None else []),
        *([_smtp(access, _quick(account))] if settings.smtp is not None else []),
    ]
    if not work:
        return [Check("settings", False, "nothing", "Neither imap nor smtp is configured.", "Fill in one of them.")]
    return list(await asyncio.gather(*work))


def _quick(account: Account) -> Account:
    """The account with time-outs that a person waits for."""
    settings: Settings = account.settings
    changed = {
        part: section.model_copy(update={"timeout_seconds": min(section.timeout_seconds, SECONDS - 3)})
        for part, section in (("imap", settings.imap), ("smtp", settings.smtp))
        if section is not None
    }
    return replace(account, settings=settings.model_copy(update=changed))


async def _imap(access: Access, account: Account) -> Check:
    settings: Settings = account.settings
    assert settings.imap is not None  # noqa: S101 - asked for only then
    box = Mailbox(settings.imap)
    try:
        async with asyncio.timeout(SECONDS):
            await access.connect(account, box)
            selected = await box.select(settings.imap.folder)
    except WantsTls:
        return _wants_starttls("imap")
    except NoStartTls:
        return _no_starttls("imap", 993)
    except SignInRefused as error:
        return _password("imap", str(error))
    except Refused as error:
        words = f"There is no folder {settings.imap.folder!r}: {error}"
        return Check("imap", False, "no_folder", words, "Choose a folder that exists, such as INBOX.")
    except Lost as error:
        words = f"The server hung up: {error}."
        return Check("imap", False, "hung_up", words, "Is this the server's IMAP port? Usual: 993 with TLS.")
    except (HubError, OSError, TimeoutError) as error:
        return _unreachable("imap", settings.imap.host, settings.imap.port, error)
    finally:
        await box.close()
    return Check("imap", True, "ok", f"Signed in; {settings.imap.folder} is open (next message {selected.uidnext}).")


async def _smtp(access: Access, account: Account) -> Check:
    settings: Settings = account.settings
    assert settings.smtp is not None  # noqa: S101 - asked for only then
    own = account.address or "postmaster@localhost"
    tried = (own, tagged(own, PLUS)) if settings.plus_addresses else ()
    try:
        async with asyncio.timeout(SECONDS):
            refused = await greet(access.server(account), own, *tried)
    except SendError as error:
        return _refused_by_smtp(settings, error)
    except (HubError, OSError, TimeoutError) as error:
        return _unreachable("smtp", settings.smtp.host, settings.smtp.port, error)
    if tried and tried[1] in refused and own not in refused:
        words = f"The server knows {own} but refuses {tried[1]}, and answers go to such addresses: {refused[tried[1]]}"
        remedy = "Turn plus addresses off for this mailbox, or on at the server; answers find their way without them."
        return Check("smtp", False, "plus_address", words, remedy)
    return Check("smtp", True, "ok", "Signed in; the server takes mail from this address.")


def _refused_by_smtp(settings: Settings, error: SendError) -> Check:
    assert settings.smtp is not None  # noqa: S101 - asked for only then
    words = error.detail
    if _WANTS_TLS.search(words):
        return _wants_starttls("smtp")
    if "does not offer what is configured" in words:
        if "STARTTLS extension" in words:
            return _no_starttls("smtp", 465)
        if settings.smtp.tls == "none":
            return _wants_starttls("smtp")
        return Check("smtp", False, "no_sign_in", words, "The server takes no sign-in here; leave the user out.")
    if "refuses our sign-in" in words:
        return _password("smtp", words)
    cause = error.__cause__
    if isinstance(cause, ConsentEnded | Unavailable):
        return _unreachable("smtp", settings.smtp.host, settings.smtp.port, cause)
    deepest: BaseException = error
    while deepest.__cause__ is not None:
        deepest = deepest.__cause__
    if isinstance(deepest, OSError | TimeoutError):
        return _unreachable("smtp", settings.smtp.host, settings.smtp.port, deepest)
    return Check("smtp", False, "refused", words, "The server's words say why; its administrator knows more.")


def _wants_starttls(part: Part) -> Check:
    return Check(
        part, False, "wants_starttls", "The server wants STARTTLS before it takes a password.", "Choose STARTTLS."
    )


def _no_starttls(part: Part, port: int) -> Check:
    return Check(
        part, False, "no_starttls", "The server offers no STARTTLS on this port.", f"Choose TLS, and port {port}."
    )


def _password(part: Part, words: str) -> Check:
    if _APP_PASSWORD.search(words):
        remedy = "Make an application password (授权码) in the provider's settings and enter it here."
        return Check(part, False, "app_password", f"The provider wants an application password: {words}", remedy)
    if _NO_PASSWORDS.search(words):
        remedy = "Connect the mailbox by OAuth 2."
        return Check(part, False, "oauth", f"The provider takes no passwords: {words}", remedy)
    remedy = "Check both. Some providers want an application password instead of your own."
    return Check(part, False, "password", f"The server refuses the user name or password: {words}", remedy)


def _unreachable(part: Part, host: str, port: int, error: BaseException) -> Check:
    at = f"{host}:{port}"
    match error:
        case ConsentEnded():
            return Check(part, False, "consent", error.detail, "Connect the mailbox again.")
        case Unavailable():
            return Check(part, False, "token", error.detail, "Check the provider's address and our client id.")
        case socket.gaierror():
            return Check(part, False, "no_host", f"There is no host {host}.", "Check its name.")
        case ssl.SSLCertVerificationError():
            words = f"The certificate of {at} cannot be trusted: {error.verify_message}."
            return Check(
                part, False, "certificate", words, "Use the name in the certificate, or name its CA in ca_file."
            )
        case ssl.SSLError() if _CLEAR.search(str(error)):
            return Check(part, False, "no_tls", f"{at} does not begin with TLS.", "Choose STARTTLS for this port.")
        case ConnectionRefusedError():
            return Check(part, False, "refused_port", f"Nobody listens at {at}.", "Check the port.")
        case TimeoutError():
            remedy = "Check host and port; a port that expects TLS stays silent without it."
            return Check(part, False, "timeout", f"{at} does not answer.", remedy)
        case _:
            return Check(part, False, "unreachable", f"{at} cannot be reached: {error}.", "Check host, port and TLS.")
