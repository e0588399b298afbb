"""A server that does batches as OpenAI and as Anthropic do, in memory, and remembers what was given in.

Sources: the API references named in `providers.batch_openai` and `providers.batch_anthropic`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer, SeenRequest
from tests.doubles.server_replies import Script

Result = dict[str, Any]
"""What a batch says of one request, without its custom_id."""


@dataclass
class Given:
    """A batch that was given in: the requests by custom_id, and how often it has been looked at."""

    id: str
    requests: dict[str, dict[str, Any]]
    input_file: str = ""
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    created_at: float = field(default_factory=time.time)
    looks: int = 0
    is_cancelled: bool = False


class BatchServer(ScriptedServer):
    """The server. A batch is over when it was looked at `looks_needed` times, lists count.

    `result` makes what is told of a request, from its body; `tells_of` says by its custom_id whether anything is.
    `failure` is why no batch is taken; `loses_answers` batches are begun, but the answers to that never come.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.files: dict[str, bytes] = {}
        self.batches: list[Given] = []
        self.looks_needed = 2
        self.result: Callable[[dict[str, Any]], Result] | None = None
        self.tells_of: Callable[[str], bool] = lambda custom_id: True
        self.failure = ""
        self.is_expired = False
        self.loses_answers = 0

    def script_for(self, request: SeenRequest) -> Script:
        """The answer to a request about batches, else that of every scripted server."""
        path = request.path.partition("?")[0]
        rules: tuple[tuple[str, Callable[..., object]], ...] = (
            (r"POST /v1/files", self._upload),
            (r"GET /v1/files/([^/]+)/content", self._file),
            (r"POST /v1/batches", self._openai_begin),
            (r"GET /v1/batches", self._openai_list),
            (r"GET /v1/batches/([^/]+)", self._openai_look),
            (r"POST /v1/batches/([^/]+)/cancel", self._openai_cancel),
            (r"POST /v1/messages/batches", self._anthropic_begin),
            (r"GET /v1/messages/batches", self._anthropic_list),
            (r"GET /v1/messages/batches/([^/]+)", self._anthropic_look),
            (r"POST /v1/messages/batches/([^/]+)/cancel", self._anthropic_cancel),
            (r"GET /v1/messages/batches/([^/]+)/results", self._anthropic_results),
        )
        for pattern, answer in rules:
            if found := re.fullmatch(pattern, f"{request.method} {path}"):
                value = answer(request, *found.groups())
                if request.method == "POST" and self.batches and self.loses_answers > 0:
                    self.loses_answers -= 1
                    return [replies.Reset()]
                return replies.whole(value)
        return super().script_for(request)

    # ---- OpenAI --------------------------------------------------------------------------------

    def _upload(self, request: SeenRequest) -> object:
        boundary = re.fullmatch(r"multipart/form-data; boundary=(\S+)", request.headers["content-type"])
        assert boundary is not None
        parts = request.body.split(b"--" + boundary[1].encode())
        assert parts[0] == b""
        assert parts[-1] == b"--\r\n"
        fields = {re.search(rb'name="(\w+)"', part)[1]: part for part in parts[1:-1]}  # type: ignore[index]  # each part has a name
        assert fields[b"purpose"].partition(b"\r\n\r\n")[2] == b"batch\r\n"
        file_id = f"file-{len(self.files)}"
        self.files[file_id] = fields[b"file"].partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        return {"id": file_id, "object": "file", "purpose": "batch"}

    def _openai_begin(self, request: SeenRequest) -> object:
        fields = request.json
        lines = [json.loads(line) for line in self.files[fields["input_file_id"]].splitlines()]
        assert all(line["method"] == "POST" and line["url"] == fields["endpoint"] for line in lines)
        given = Given(
            f"batch_{len(self.batches)}",
            {line["custom_id"]: line["body"] for line in lines},
            fields["input_file_id"],
            fields,
        )
        self.batches.append(given)
        return _openai_object(self, given)

    def _openai_look(self, request: SeenRequest, batch_id: str) -> object:
        return _openai_object(self, self._looked_at(batch_id))

    def _openai_cancel(self, request: SeenRequest, batch_id: str) -> object:
        given = self._looked_at(batch_id)
        given.is_cancelled = True
        return _openai_object(self, given)

    def _file(self, request: SeenRequest, file_id: str) -> object:
        kind, _, batch_id = file_id.partition("-")
        given = next(each for each in self.batches if each.id == batch_id)
        lines: list[str] = []
        for custom_id, body in given.requests.items():
            result = self._result(body, openai_result(body))
            if given.is_cancelled:
                result = {"response": None, "error": {"code": "batch_cancelled", "message": "cancelled"}}
            if self.is_expired:
                result = {"response": None, "error": {"code": "batch_expired", "message": "too late"}}
            is_error = (result.get("response") or {}).get("status_code") != 200
            if self.tells_of(custom_id) and is_error == (kind == "errors"):
                lines.append(json.dumps({"id": "r", "custom_id": custom_id, **result}))
        return ("\n".join(reversed(lines)) + "\n").encode()

    # ---- Anthropic -----------------------------------------------------------------------------

    def _anthropic_begin(self, request: SeenRequest) -> object:
        requests = {each["custom_id"]: each["params"] for each in request.json["requests"]}
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", custom_id) for custom_id in requests)
        self.batches.append(Given(f"msgbatch_{len(self.batches)}", requests))
        return _anthropic_object(self, self.batches[-1])

    def _anthropic_look(self, request: SeenRequest, batch_id: str) -> object:
        return _anthropic_object(self, self._looked_at(batch_id))

    def _anthropic_cancel(self, request: SeenRequest, batch_id: str) -> object:
        given = self._looked_at(batch_id)
        given.is_cancelled = True
        return _anthropic_object(self, given)

    def _anthropic_results(self, request: SeenRequest, batch_id: str) -> object:
        given = next(each for each in self.batches if each.id == batch_id)
        lines: list[str] = []
        for custom_id, body in given.requests.items():
            result = self._result(body, anthropic_result(body))
            if given.is_cancelled:
                result = {"type": "canceled"}
            if self.is_expired:
                result = {"type": "expired"}
            if self.tells_of(custom_id):
                lines.append(json.dumps({"custom_id": custom_id, "result": result}))
        return ("\n".join(reversed(lines)) + "\n").encode()

    # ---- both ----------------------------------------------------------------------------------

    def _openai_list(self, request: SeenRequest) -> object:
        return self._list(_openai_object)

    def _anthropic_list(self, request: SeenRequest) -> object:
        return self._list(_anthropic_object)

    def _list(self, told: Callable[[BatchServer, Given], object]) -> object:
        for given in self.batches:
            given.looks += 1
        return {"data": [told(self, each) for each in reversed(self.batches)], "has_more": False}

    def _looked_at(self, batch_id: str) -> Given:
        given = next(each for each in self.batches if each.id == batch_id)
        given.looks += 1
        return given

    def _result(self, body: dict[str, Any], usual: Result) -> Result:
        return self.result(body) if self.result is not None else usual

    def is_over(self, given: Given) -> bool:
        """Whether the batch has come to its end."""
        return given.looks >= self.looks_needed or given.is_cancelled


def _openai_object(server: BatchServer, given: Given) -> dict[str, object]:
    over, total = server.is_over(given), len(given.requests)
    status = "in_progress" if not over else "cancelled" if given.is_cancelled else "completed"
    if server.failure:
        status = "failed"
    files = over and not server.failure
    return {
        "id": given.id,
        "object": "batch",
        "status": "expired" if over and server.is_expired else status,
        "endpoint": given.fields["endpoint"],
        "input_file_id": given.input_file,
        "metadata": given.fields["metadata"],
        "output_file_id": f"output-{given.id}" if files else None,
        "error_file_id": f"errors-{given.id}" if files else None,
        "errors": {"data": [{"message": server.failure}]} if server.failure else None,
        "created_at": int(given.created_at),
        "request_counts": {"total": total, "completed": total if over else 0, "failed": 0},
    }


def _anthropic_object(server: BatchServer, given: Given) -> dict[str, object]:
    over, total = server.is_over(given), len(given.requests)
    counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    counts["succeeded" if over else "processing"] = total
    return {
        "id": given.id,
        "type": "message_batch",
        "processing_status": "ended" if over else "in_progress",
        "request_counts": counts,
        "created_at": datetime.fromtimestamp(given.created_at, UTC).isoformat().replace("+00:00", "Z"),
        "results_url": "https://elsewhere.invalid/steal" if over else None,
    }


def openai_result(body: dict[str, Any]) -> Result:
    """What OpenAI tells of a request that it answered."""
    text = f"re: {body['messages'][-1]['content']}"
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    whole = {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
    return {"response": {"status_code": 200, "request_id": "q", "body": whole}, "error": None}


def anthropic_result(body: dict[str, Any]) -> Result:
    """What Anthropic tells of a request that it answered."""
    (block,) = body["messages"][-1]["content"]
    message = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": f"re: {block['text']}"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 11, "output_tokens": 7},
    }
    return {"type": "succeeded", "message": message}
