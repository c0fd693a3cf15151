"""Why a mail server takes nothing at all from us, which is about the account and not about one mail."""

from __future__ import annotations

import ssl

import aiosmtplib

from connectors.email.settings import Smtp
from hub.channels.model import Outcome, SendError
from hub.channels.reasons import Reason

_SIGN_IN_PAUSE = 300.0  # seconds; servers lock accounts that insist


class SignInRefused(SendError):
    """The server does not accept our password or token."""


def unreachable(smtp: Smtp, error: BaseException) -> SendError:
    """What a failure to connect, to begin TLS, or to sign in means."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        said = f"{error.code} {line(error.message)}"
        return SignInRefused(
            f"The mail server refuses our sign-in: {said}",
            outcome=Outcome.RETRY,
            retry_after=_SIGN_IN_PAUSE,
            code=Reason.SMTP_SIGN_IN,
            params={"host": smtp.host, "reason": said},
            account_wide=True,
        )
    if isinstance(error, aiosmtplib.SMTPNotSupported) or "not supported" in str(error):
        words = f"The mail server does not offer what is configured: {line(str(error))}"
        return account_wide(smtp, words, Reason.SMTP_NOT_OFFERED, line(str(error)), after=_SIGN_IN_PAUSE)
    certificate = _cause(error, ssl.SSLCertVerificationError)
    if isinstance(certificate, ssl.SSLCertVerificationError):
        reason = certificate.verify_message or line(str(certificate))
        words = f"The certificate of the mail server {smtp.host}:{smtp.port} cannot be trusted: {reason}."
        problem = account_wide(smtp, words, Reason.SMTP_CERTIFICATE, reason)
        problem.params = {**problem.params, "flaw": _FLAWS.get(certificate.verify_code, "other")}
        return problem
    if isinstance(error, aiosmtplib.SMTPResponseException):
        said = f"{error.code} {line(error.message)}"
        return account_wide(smtp, f"The mail server turns us away: {said}", Reason.SMTP_TURNED_AWAY, said)
    if isinstance(error, TimeoutError):
        return account_wide(smtp, f"The mail server {smtp.host}:{smtp.port} does not answer.", Reason.SMTP_TIMEOUT, "")
    reason = line(str(error)) or type(error).__name__
    words = f"The mail server {smtp.host}:{smtp.port} cannot be reached: {reason}"
    return account_wide(smtp, words, Reason.SMTP_UNREACHABLE, reason)


# What is wrong with a certificate, by OpenSSL's X509_V_ERR_… numbers, for a screen to say in its language.
_FLAWS = {
    9: "early", 10: "expired", 18: "issuer", 19: "issuer", 20: "issuer", 21: "issuer", 62: "name", 64: "name",
}  # fmt: skip


def account_wide(smtp: Smtp, words: str, code: Reason, reason: str, *, after: float | None = None) -> SendError:
    """Nothing can be sent for now: tried again, and free to be, since nothing has left."""
    params = {"host": smtp.host, "port": smtp.port, "reason": reason}
    return SendError(words, outcome=Outcome.RETRY, retry_after=after, code=code, params=params, account_wide=True)


def line(words: str) -> str:
    """A server's words in one line."""
    return " ".join(words.split())[:300]


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
