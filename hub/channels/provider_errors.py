"""What it means for a send when its provider cannot be talked to over HTTP: decided here once, for every connector."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import aiohttp

from hub.channels.model import Outcome, SendError
from hub.channels.reasons import Reason


@contextmanager
def handing_over(provider: str) -> Generator[None]:
    """`SendError` instead of aiohttp's errors: what never got there is tried again, all else may have arrived.

    `provider` begins the sentences: "Twilio", "The gateway".
    """
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise SendError(
            f"{provider} cannot be reached: {error}.",
            outcome=Outcome.RETRY,
            code=Reason.PROVIDER_UNREACHABLE,
            params={"reason": str(error)},
            account_wide=True,
        ) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SendError(
            f"{provider} did not answer after the message was handed over ({type(error).__name__}).",
            outcome=Outcome.UNKNOWN,
            code=Reason.PROVIDER_UNANSWERED,
        ) from error
