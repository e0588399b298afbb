"""Everything that can go wrong, as one tree.

ChattermError
+- ConfigError
+- StoreError
+- NotBegunError               a turn was refused before anything was sent or stored
   +- OpenElsewhereError
   +- BudgetUsedUpError
+- BudgetReachedError          what may be spent was spent by the requests of a turn that runs
+- TurnInProgressError
+- AttachmentError
+- InternalError               chatterm's own fault
+- ToolError                   a tool could not do what it was called for
   +- InvalidCallError         the call itself is wrong: no such tool, arguments that do not fit
   +- ToolDeniedError          the user did not allow it
   +- ToolTimeoutError
+- ProviderError
   +- AuthenticationError      the key is missing, wrong or not allowed this
   +- RateLimitedError         too many requests; wait
   +- QuotaExceededError       the account is exhausted; waiting does not help
   +- OverloadedError          the service is busy or the model is loading
   +- ContextTooLongError      the conversation does not fit the model
   +- ModelNotFoundError
   +- BadRequestError
   +- ServerError
   +- ConnectionFailedError    no connection, or it was lost
      +- StaleConnectionError  a kept-alive connection turned out to be closed
   +- RequestTimeoutError
   +- ProtocolError            the answer is not what the wire format promises
      +- TruncatedStreamError  the bytes ended before the terminal marker

Cancellation is an Outcome, not an error. No key and no request body ever enters an error's text.
"""

from __future__ import annotations

import re


def kind_words(kind: str) -> str:
    """The kind of an error (`ChattermError.kind`) for a screen: `rate limited`, `server error`."""
    return _KIND_WORDS.get(kind) or re.sub("(?<=[a-z])(?=[A-Z])", " ", kind).lower()


_KIND_WORDS = {
    "Authentication": "authentication failed",
    "Config": "configuration",
    "Internal": "internal error",
    "Protocol": "protocol error",
    "Server": "server error",
    "TruncatedStream": "cut off",
}


class ChattermError(Exception):
    """A failure told to the user: `message` names the thing and the value, `hint` the next step."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def kind(self) -> str:
        """A short machine-readable name, stored and logged with the turn: the class name without `Error`."""
        return type(self).__name__.removesuffix("Error")

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        # What a server says often ends without a full stop; the two must still read as two sentences.
        stop = "" if self.message.endswith((".", "?", ":", "…")) else "."
        return f"{self.message}{stop} {self.hint}" if self.message else self.hint


class ConfigError(ChattermError):
    """A setting cannot be used. `path` is the file, `key` the dotted key."""

    def __init__(self, message: str, hint: str = "", *, path: str = "", key: str = "") -> None:
        super().__init__(message, hint)
        self.path = path
        self.key = key


class StoreError(ChattermError):
    """The database could not be read or written."""


class NotBegunError(ChattermError):
    """A turn was refused before anything was sent or stored; its prompt stays with the user."""


class OpenElsewhereError(NotBegunError):
    """The conversation is open in another chatterm, and can only be read here."""


class BudgetUsedUpError(NotBegunError):
    """What may be spent is spent."""


class BudgetReachedError(ChattermError):
    """A turn that runs may send no further request: what may be spent is spent by now."""


class TurnInProgressError(ChattermError):
    """A turn was started while another one of the same conversation runs."""


class AttachmentError(ChattermError):
    """A file cannot be attached."""


class InternalError(ChattermError):
    """chatterm itself failed, in a way that nobody foresaw; details are in a crash file."""


class ToolError(ChattermError):
    """A tool could not do what it was called for. The model is told `message`, and goes on."""


class InvalidCallError(ToolError):
    """The call itself is wrong: there is no such tool, or its arguments do not fit."""


class ToolDeniedError(ToolError):
    """The user, or a rule that nobody can loosen, did not allow the call."""


class ToolTimeoutError(ToolError):
    """The tool took too long, and was ended."""


class ProviderError(ChattermError):
    """A provider or the way to it failed.

    `retryable`: whether the same request may succeed later. `retry_after`: seconds, where the provider
    said so.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        request_id: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.provider = provider
        self.model = model
        self.status = status
        self.request_id = request_id
        self.retryable = retryable
        self.retry_after = retry_after


class AuthenticationError(ProviderError):
    """The key is missing, wrong, or not allowed to do this."""


class RateLimitedError(ProviderError):
    """Too many requests for now."""


class QuotaExceededError(ProviderError):
    """The account's quota or credit is used up."""


class OverloadedError(ProviderError):
    """The service is busy, or the model is still loading."""


class ContextTooLongError(ProviderError):
    """The conversation does not fit the model's context."""


class ModelNotFoundError(ProviderError):
    """The provider does not know the model."""


class BadRequestError(ProviderError):
    """The provider refuses the request as it is. `parameter` names the one it does not take, where it says so."""

    parameter: str | None = None


class ServerError(ProviderError):
    """The provider failed."""


class ConnectionFailedError(ProviderError):
    """No connection could be made, or it was lost."""


class StaleConnectionError(ConnectionFailedError):
    """A kept-alive connection turned out to be closed before any byte of an answer came."""


class RequestTimeoutError(ProviderError):
    """A limit of time passed."""


class ProtocolError(ProviderError):
    """The answer is not what the wire format promises."""


class TruncatedStreamError(ProtocolError):
    """The bytes ended before the provider's terminal marker."""
