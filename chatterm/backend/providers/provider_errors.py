"""From a refusal on the wire to one error of chatterm's tree."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from chatterm.backend.providers.complaints import Complaint, complaint_in
from chatterm.backend.providers.refused_parameters import refused_parameter
from chatterm.backend.providers.response_headers import request_id
from chatterm.core.errors import (
    AuthenticationError,
    BadRequestError,
    ContextTooLongError,
    ModelNotFoundError,
    OverloadedError,
    ProtocolError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    TruncatedStreamError,
)


@dataclass(frozen=True, slots=True)
class _Wording:
    """`{}` stands for the service."""

    says: str
    hint: str
    retryable: bool = False


_WORDING: dict[type[ProviderError], _Wording] = {
    AuthenticationError: _Wording("{} does not accept the API key", "Check the API key of {}."),
    QuotaExceededError: _Wording("The account at {} is used up", "Add credit at {}, or pick another model."),
    RateLimitedError: _Wording(
        "{} asks for fewer requests", "Wait a moment, or pick another model.", retryable=True
    ),
    OverloadedError: _Wording("{} is busy", "Try again in a moment.", retryable=True),
    ContextTooLongError: _Wording(
        "The conversation is too long for the model",
        "Start a new conversation, or pick a model with a longer context.",
    ),
    ModelNotFoundError: _Wording("{} does not know the model", "Pick another model from the list."),
    BadRequestError: _Wording("{} refuses the request", "Change the prompt, the options or the model."),
    ServerError: _Wording("{} failed", "Try again; if it stays so, pick another model.", retryable=True),
    RequestTimeoutError: _Wording("{} gave up waiting", "Try again.", retryable=True),
    ProtocolError: _Wording("{} gave an answer of the wrong kind", "Check the base URL of {}."),
}

# Codes that say more than the status does, which differs by server.
_TELLING_CODES: dict[str, type[ProviderError]] = {
    "invalid_api_key": AuthenticationError,
    "authentication": AuthenticationError,
    "authentication_error": AuthenticationError,
    "api_key_invalid": AuthenticationError,
    "moderation": BadRequestError,
    "insufficient_quota": QuotaExceededError,
    "payment_required": QuotaExceededError,
    "billing_error": QuotaExceededError,
    "billing_hard_limit_reached": QuotaExceededError,
    "enforced_spend_limit_reached": QuotaExceededError,
    "linked_organization_spend_limit_reached": QuotaExceededError,
    "context_length_exceeded": ContextTooLongError,
    "exceed_context_size_error": ContextTooLongError,
    "too_many_prompt_tokens": ContextTooLongError,
    "token_limit_exceeded": ContextTooLongError,
    "string_too_long": ContextTooLongError,
    "request_too_large": ContextTooLongError,
    "model_not_found": ModelNotFoundError,
    "deploymentnotfound": ModelNotFoundError,
}

# Codes that decide only where there is no status: many servers use them for more than they say.
_VAGUE_CODES: dict[str, type[ProviderError]] = {
    "permission_denied": AuthenticationError,
    "permission_error": AuthenticationError,
    "unauthenticated": AuthenticationError,
    "resource_exhausted": RateLimitedError,
    "rate_limit_exceeded": RateLimitedError,
    "rate_limit_error": RateLimitedError,
    "throttling_error": RateLimitedError,
    "overloaded_error": OverloadedError,
    "unavailable_error": OverloadedError,
    "provider_overloaded": OverloadedError,
    "provider_unavailable": OverloadedError,
    "unavailable": OverloadedError,
    "timeout_error": RequestTimeoutError,
    "deadline_exceeded": RequestTimeoutError,
    "invalid_request_error": BadRequestError,
    "invalid_argument": BadRequestError,
    "failed_precondition": BadRequestError,
    "tool_use_failed": BadRequestError,
}

_BY_STATUS: dict[int, type[ProviderError]] = {
    401: AuthenticationError,
    402: QuotaExceededError,
    403: AuthenticationError,
    408: RequestTimeoutError,
    413: ContextTooLongError,
    429: RateLimitedError,
    498: OverloadedError,
    503: OverloadedError,
    529: OverloadedError,
}

_TELLING_TEXTS: tuple[tuple[type[ProviderError], re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            ContextTooLongError,
            r"context (length|size|window|limit)|max(imum)? context|prompt (is )?too long"
            r"|too many (prompt |input )?tokens|input token count",
        ),
        (AuthenticationError, r"(incorrect|invalid|missing|no) (api )?key|api key not valid"),
        (
            QuotaExceededError,
            r"insufficient (balance|credit|fund|quota)|exceeded your current quota|credit balance is too low",
        ),
        (
            ModelNotFoundError,
            r"\bmodel\b.{0,200}\b(not found|not exist|unknown)|not a valid model|^models?[:/] ?\S+( is not found|$)"
            r"|(no such|unknown|invalid) model|unable to access model|no endpoints found for",
        ),
    )
)

_DAILY = re.compile(r"perday|free-models-per-day", re.IGNORECASE)

_UNTOLD_STATUSES = (None, 400, 404, 422)
"""Statuses under which servers report what has a status of its own elsewhere."""


def response_error(title: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error that a whole response tells. `title` names the service in the text.

    A status below 400 gives a `ProtocolError`: the answer was not of the kind asked for.
    """
    complaint = complaint_in(body)
    kind = ProtocolError if status < 400 else _kind(status, complaint)
    error = _worded(kind, title, status, complaint)
    lowered = {name.lower(): value for name, value in headers.items()}
    error.request_id = request_id(lowered) or complaint.request_id
    error.retry_after = retry_after_seconds(lowered) or complaint.retry_after
    error.retryable = status == 409 or error.retryable
    # OpenAI's and Anthropic's own word on the matter overrides the rule of thumb.
    if (word := lowered.get("x-should-retry")) in ("true", "false"):
        error.retryable = word == "true"
    return error


def stream_error(title: str, complaint: Complaint) -> ProviderError:
    """The error that an event inside a response tells."""
    return _worded(_kind(complaint.status, complaint), title, complaint.status, complaint)


def truncation_error(title: str, began: bool) -> TruncatedStreamError:
    """The bytes of a response ended without the terminal marker; `began` if there was anything before."""
    if began:
        return TruncatedStreamError(
            as_subject(f"{title} ended the answer before it was complete."), "Try again.", retryable=True
        )
    return TruncatedStreamError(
        as_subject(f"{title} sent an empty answer."),
        "The conversation may be too long for the model; try again or pick another model.",
        retryable=True,
    )


def as_subject(text: str) -> str:
    """The text as a sentence may begin: some services have names in lower case, which stay so."""
    return "T" + text[1:] if text.startswith("the ") else text


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the provider asks to wait; None where it does not say, or nothing that makes sense.

    `retry-after-ms` in milliseconds, then `retry-after` in seconds or as a date (RFC 9110 section 10.2.3).
    A date is measured against the response's own `date` where it has one, so that clocks need not agree.
    Header names are in lower case.
    """
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / scale
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds > 0:
            return seconds
    then = _date(headers.get("retry-after"))
    if then is None:
        return None
    seconds = (then - (_date(headers.get("date")) or datetime.now(UTC))).total_seconds()
    return seconds if seconds > 0 else None


def _kind(status: int | None, complaint: Complaint) -> type[ProviderError]:
    for code, kind in _TELLING_CODES.items():
        if code in complaint.codes:
            return kind
    # Requests per minute come back by themselves; those of a day do not while the user waits.
    if status in (None, 429) and _DAILY.search(" ".join([*complaint.codes, complaint.text])):
        return QuotaExceededError
    if status in _UNTOLD_STATUSES:
        for kind, pattern in _TELLING_TEXTS:
            if pattern.search(complaint.text):
                return kind
    if status is None:
        kinds = (kind for code, kind in _VAGUE_CODES.items() if code in complaint.codes)
        return next(kinds, ServerError)
    return _BY_STATUS.get(status, ServerError if status >= 500 else BadRequestError)


def _worded(kind: type[ProviderError], title: str, status: int | None, complaint: Complaint) -> ProviderError:
    wording = _WORDING[kind]
    says, hint = wording.says, wording.hint
    refused = refused_parameter(complaint) if kind is BadRequestError else None
    if kind is AuthenticationError and status == 403:
        says = "{} does not allow this"
    elif refused is None and kind is BadRequestError and status in (404, 405):
        says, hint = "{} has no such address", "Check the base URL of {}."
    elif kind is BadRequestError and (named := refused or complaint.param):
        hint = f"Change or leave out the parameter {named}."
    told = f"{says} ({status})" if status else says
    # Provider text may hold braces, so only our own words are formatted.
    message = as_subject(told.replace("{}", title)) + (f": {complaint.text}" if complaint.text else ".")
    error = kind(message, hint.replace("{}", title), status=status, retryable=wording.retryable)
    error.retry_after, error.request_id = complaint.retry_after, complaint.request_id
    if isinstance(error, BadRequestError):
        error.parameter = refused
    return error


def _date(value: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
