"""From a turn's request to the bytes for one target: parameters read, messages encoded once, refusals remembered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from chatterm.backend.context_fitter import ContextFitter, Fitted
from chatterm.backend.continuing import asked_on, last_words
from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.parameters import read_parameters
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.providers.base import Endpoint, WireRequest
from chatterm.backend.target import Target
from chatterm.core.turn import TurnRequest
from chatterm.core.usage import Usage

MANY_MESSAGES = 200
"""Beyond so many new messages the encoding leaves the event loop: they take several milliseconds."""

LoadBlobs = Callable[[frozenset[str]], Awaitable[dict[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request for one target, its messages encoded; the endpoint is chosen for each sending.

    `again` are the last words of a reply that the model is asked to begin with, where it goes on after it.
    """

    target: Target
    request: TurnRequest
    encoded: tuple[bytes, ...]
    fitted: Fitted
    again: str = ""
    encoded_anew: int = 0
    """How many of the messages were not in the payload cache."""

    @property
    def is_prefill(self) -> bool:
        """Whether it ends in a reply that the model is to go on with."""
        return self.request.continued is not None and not self.again

    def wire(self, endpoint: Endpoint) -> WireRequest:
        """The whole request."""
        target = self.target
        return target.adapter.build_request(self.request, self.encoded, endpoint, target.limits)


class RequestMaker:
    """Makes requests; keeps what was encoded, and which parameters a model does not take."""

    def __init__(self, payload_cache: PayloadCache, load_blobs: LoadBlobs, fitter: ContextFitter) -> None:
        self._payload_cache = payload_cache
        self._load_blobs = load_blobs
        self._fitter = fitter
        self._refused: dict[tuple[str, str], frozenset[str]] = {}
        self._no_prefill: set[tuple[str, str]] = set()

    async def prepare(self, target: Target, request: TurnRequest) -> Prepared:
        """The request as this target takes it. Raises `ConfigError` for an option that cannot be.

        Raises `AttachmentError` for an attachment whose bytes are gone, `ContextTooLongError` for what is too much.
        """
        parameters, options = read_parameters({**target.options, **request.options})
        refused = self._refused.get((target.provider, target.model), frozenset())
        again, messages = "", request.messages
        if request.continued is not None:
            again = "" if self._takes_prefill(target) else last_words(request.continued)
            messages = (*messages, *asked_on(request.continued, again))
        request = replace(
            request,
            messages=messages,
            model=target.model,
            parameters=parameters,
            options=options,
            refused=refused,
            streams=target.streams,
            max_output_tokens=target.max_output_tokens,
        )
        fitted = await self._fitter.fit(target, request)
        encoded, anew = await self._encode(target, fitted.request)
        return Prepared(target, fitted.request, tuple(encoded), fitted, again, anew)

    def note_no_prefill(self, target: Target) -> None:
        """The model refused to go on with a reply: later requests ask for it in words."""
        self._no_prefill.add((target.provider, target.model))

    def _takes_prefill(self, target: Target) -> bool:
        is_refused = (target.provider, target.model) in self._no_prefill
        return not is_refused and target.adapter.takes_prefill(target.model)

    def answered(self, prepared: Prepared, usage: Usage) -> bool:
        """A request was answered with this usage. Whether the server read only a part of it, and did not say so."""
        return self._fitter.answered(prepared.target, prepared.fitted, usage)

    def without(self, prepared: Prepared, parameter: str) -> Prepared:
        """The request without a parameter that the provider refused; later ones for this model go without, too."""
        target = prepared.target
        refused = prepared.request.refused | {parameter}
        self._refused[target.provider, target.model] = refused
        return replace(prepared, request=replace(prepared.request, refused=refused))

    async def _encode(self, target: Target, request: TurnRequest) -> tuple[list[bytes], int]:
        """The fragment of each message; what the cache does not hold is encoded, counted, and then held."""
        adapter, variant = target.adapter, target.adapter.variant(request.model)
        found = self._payload_cache.lookup(request.messages, adapter, variant)
        missing = [message for message, known in zip(request.messages, found, strict=True) if known is None]
        wanted = frozenset(digest for message in missing for digest in message.blob_digests)
        blobs = await self._load_blobs(wanted) if wanted else {}

        def encode() -> list[bytes]:
            return [adapter.encode_message(message, variant, blobs.__getitem__) for message in missing]

        # Encoding megabytes of attachments, or a long conversation, on the loop would hold up the screen.
        is_much = bool(wanted) or len(missing) > MANY_MESSAGES
        new = await in_daemon_thread(encode, "chatterm-encode") if is_much else encode()
        for message, fragment in zip(missing, new, strict=True):
            self._payload_cache.hold(message, adapter, variant, fragment)
        rest = iter(new)
        return [next(rest) if known is None else known for known in found], len(missing)
