"""``POST /api/tasks/{id}/data/``: the steps of an upload, and TUS for large files.

As in CVAT, a file is written to disk and, in one transaction with all others of the request, noted
in the database. So a name that is there already is an error of the database (500), and a request
that dies half-way leaves bytes on disk, to which the next attempt appends.
"""

import base64
import json
import math
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path

from .messages import Answer, Refusal, Request, server_error
from .state import Background, Data, State, Task
from .worker import Worker

SORTING = {"lexicographical", "natural", "predefined", "random"}


class ServerDiesError(Exception):
    """The process that handles a request is killed in the middle of it."""


@dataclass
class Tus:
    """A file that is being sent in pieces."""

    task: Task
    user_id: int
    name: str
    size: int  # bytes
    path: Path
    offset: int = 0


class Uploads:
    """What is being uploaded. Lost when the server restarts."""

    def __init__(self, state: State, max_file_size: int, worker: Worker):
        self.state = state
        self.max_file_size = max_file_size
        self.worker = worker
        self.tus: dict[str, Tus] = {}
        self.lock = threading.Lock()

    def post(self, request: Request, task: Task) -> Answer:
        """Handle one step of an upload."""
        with self.state.lock:
            if task.data is None:
                task.data = self.state.new_data()
            elif task.data.frames:
                raise Refusal(400, "Adding more data is not supported")
        if "Upload-Finish" in request.headers:
            return self._finish(request, task)
        if "Upload-Start" in request.headers:
            return Answer(202)
        if "Upload-Length" in request.headers:
            return self._start_tus(request, task)
        if "Upload-Multiple" in request.headers:
            fields, files = request.form()
            _checked(fields)
            self._append(task.data, files, dies=request.crashes)
            return Answer(200)
        return self._finish(request, task)

    def _append(self, data: Data, files: list[tuple[str, bytes]], *, dies: bool) -> None:
        names = [name for name, _ in files]
        with self.state.lock:
            if len({*names, *data.client_files}) < len(names) + len(data.client_files):
                raise server_error()
            for number, (name, content) in enumerate(files):
                if dies and number == len(files) // 2 + 1:
                    raise ServerDiesError
                with (data.folder / name).open("ab") as file:
                    file.write(content)
            if dies:
                raise ServerDiesError
            data.client_files += names

    def _start_tus(self, request: Request, task: Task) -> Answer:
        size = int(request.headers["Upload-Length"])
        name = ""
        for pair in request.headers.get("Upload-Metadata", "").split(","):
            key, _, value = pair.strip().partition(" ")
            if key == "filename":
                name = base64.b64decode(value).decode()
        if size > self.max_file_size:
            limit = f"File size exceeds max limit of {self.max_file_size} bytes"
            raise Refusal(413, limit, self._headers())
        if not name:
            told = "Metadata is expected to contain 'filename' key"
            raise Refusal(400, told, self._headers())
        path = task.data.folder / name
        if not path.resolve().is_relative_to(task.data.folder.resolve()):
            raise Refusal(400, f"File name {name} is not allowed", self._headers())
        if path.exists():
            raise Refusal(409, "File with same name already exists", self._headers())
        place = _place(request)
        number = f"{request.user.id}_{uuid.uuid4()}"
        with self.lock:
            part = task.data.folder / number
            part.write_bytes(b"")
            self.tus[number] = Tus(task, request.user.id, name, size, part)
            if name not in task.data.client_files:
                task.data.client_files.append(name)
        told = {"Location": f"{place}{number}", "Upload-Filename": name}
        return Answer(201, None, {**self._headers(), **told})

    def piece(self, request: Request, task: Task, number: str) -> Answer:
        """``HEAD`` and ``PATCH`` of one file: where it stands, and one more piece."""
        with self.lock:
            part = self.tus.get(number)
            if part is None or part.task is not task:
                raise server_error()  # also of a file that came whole: its notes are gone
            if part.user_id != request.user.id:
                raise Refusal(403, headers=self._headers())
            if request.method == "HEAD":
                where = {"Upload-Offset": str(part.offset), "Upload-Length": str(part.size)}
                return Answer(200, None, {**self._headers(), **where})
            offset = int(request.headers.get("Upload-Offset", 0))
            if offset != part.offset:
                raise Refusal(409, headers=self._headers())
            if offset + len(request.body) > part.size:
                raise Refusal(413, headers=self._headers())
            with part.path.open("ab") as file:
                file.write(request.body)
            part.offset += len(request.body)
            if part.offset == part.size:
                part.path.rename(_free(task.data.folder / part.name))
                del self.tus[number]
            return Answer(204, None, {**self._headers(), "Upload-Offset": str(part.offset)})

    def _headers(self) -> dict[str, str]:
        return {
            "Tus-Resumable": "1.0.0",
            "Tus-Version": "1.0.0",
            "Tus-Max-Size": str(self.max_file_size),
            "Cache-Control": "no-store",
        }

    def _finish(self, request: Request, task: Task) -> Answer:
        fields, files = request.form()
        parameters = _checked(fields)
        data = task.data
        if files:
            self._append(data, files, dies=request.crashes)
        if request.crashes:
            raise ServerDiesError
        with self.state.lock:
            work = self.state.background.get(_rq_id(task))
            if work and work.status in {"queued", "started"}:
                raise Refusal(409, {"rq_id": work.id})
            self._take(data, parameters)
            work = Background(_rq_id(task), task, request.user)
            self.worker.create(work, parameters)
        return Answer(202, {"rq_id": work.id})

    def _take(self, data: Data, parameters: dict) -> None:
        bucket = parameters.get("cloud_storage_id")
        if bucket is not None and bucket not in self.state.buckets:
            raise Refusal(400, ["CloudStorage matching query does not exist."])
        order = parameters.get("upload_file_order")
        if parameters["sorting_method"] == "predefined" and order and data.client_files:
            _check_order(data.client_files, order)
        data.image_quality = parameters["image_quality"]
        data.sorting_method = parameters["sorting_method"]
        data.chunk_size = parameters.get("chunk_size")
        data.start_frame = parameters.get("start_frame", 0)
        data.stop_frame = parameters.get("stop_frame", 0)
        data.frame_filter = parameters.get("frame_filter", "")
        data.server_files = parameters["server_files"]
        data.cloud_storage_id = bucket
        if data.server_files and not parameters.get("copy_data"):
            data.storage = "share"
        if bucket is not None:
            data.storage = "cloud_storage"


def _free(path: Path) -> Path:
    """Return the path, or the first of path_1, path_2… that is not taken."""
    stem, number = path.stem, 0
    while path.exists():
        number += 1
        path = path.with_name(f"{stem}_{number}{path.suffix}")
    return path


def _place(request: Request) -> str:
    """Return the address that a file which is being sent is told to have, without its own name.

    Raises:
        Refusal: 500; neither a proxy nor the client says by which address they came.
    """
    if "X-Forwarded-Host" in request.headers:
        return f"http://{request.headers['X-Forwarded-Host']}{request.path}"
    if "Origin" not in request.headers:
        raise server_error()
    return request.headers["Origin"] + request.path


def _rq_id(task: Task) -> str:
    return f"action=create&target=task&target_id={task.id}"


def _check_order(sent: list[str], order: list[str]) -> None:
    wrong = [f"{name} (extra)" for name in sent if name not in set(order)]
    wrong += [f"{name} (missing)" for name in order if name not in set(sent)]
    if wrong:
        more = f" (and {len(wrong) - 5} more). " if len(wrong) > 5 else ""
        told = (
            "Uploaded files do not match the 'upload_file_order' field contents. "
            "Please check the uploaded data and the list of uploaded files. "
            f"Mismatching files: {', '.join(wrong[:5])}{more}"
        )
        raise Refusal(400, [told])


def _checked(fields: dict) -> dict:
    """Return the parameters that CVAT knows, in their types; it drops all others silently."""
    parameters = {}
    for name in ("image_quality", "chunk_size", "start_frame", "stop_frame", "cloud_storage_id"):
        if fields.get(name) is not None:
            try:
                parameters[name] = int(fields[name])
            except (ValueError, TypeError) as error:
                raise Refusal(400, {name: ["A valid integer is required."]}) from error
    if "image_quality" not in parameters:
        raise Refusal(400, {"image_quality": ["This field is required."]})
    quality = parameters["image_quality"]
    if not 0 <= quality <= 100:
        told = (
            "Ensure this value is less than or equal to 100."
            if quality > 100
            else "Ensure this value is greater than or equal to 0."
        )
        raise Refusal(400, {"image_quality": [told]})
    if parameters.get("chunk_size", 1) <= 0:
        raise Refusal(400, {"chunk_size": ["Chunk size must be a positive integer"]})
    parameters["sorting_method"] = str(fields.get("sorting_method", "lexicographical"))
    if parameters["sorting_method"] not in SORTING:
        told = f'"{parameters["sorting_method"]}" is not a valid choice.'
        raise Refusal(400, {"sorting_method": [told]})
    if fields.get("frame_filter"):
        _, equals, step = str(fields["frame_filter"]).replace(" ", "").partition("step=")
        if not equals or not step.isdigit() or int(step) < 1:
            raise Refusal(400, {"frame_filter": ["Invalid frame filter expression"]})
        parameters["frame_filter"] = f"step={step}"
    for name in ("copy_data", "use_cache", "use_zip_chunks"):
        parameters[name] = str(fields.get(name, False)).lower() == "true"
    for name in ("server_files", "server_files_exclude", "upload_file_order"):
        parameters[name] = _list(fields, name)
    parameters["filename_pattern"] = fields.get("filename_pattern")
    if parameters["filename_pattern"] and any(
        not name.endswith(".jsonl") for name in parameters["server_files"]
    ):
        told = (
            "The filename_pattern can only be used with specified manifest or without server_files"
        )
        raise Refusal(400, {"non_field_errors": [told]})
    if parameters.get("start_frame", 0) > parameters.get("stop_frame", math.inf):
        told = "Stop frame must be more or equal start frame"
        raise Refusal(400, {"non_field_errors": [told]})
    if "job_file_mapping" in fields:
        parameters["job_file_mapping"] = _checked_mapping(_list(fields, "job_file_mapping"))
    return parameters


def _list(fields: dict, name: str) -> list:
    """A list of JSON as it is; of a form, where it is ``name[0]``, ``name[1]``… or JSON text."""
    value = fields.get(name)
    if isinstance(value, str):
        value = json.loads(value) if value.startswith("[") else [value]
    if value is None:
        value = [fields[key] for key in fields if key.startswith(f"{name}[")]
    return value


def _checked_mapping(mapping: list) -> list[list[str]]:
    if not mapping or not all(mapping):
        raise Refusal(400, {"job_file_mapping": ["This list may not be empty."]})
    seen = set()
    for name in (name for job in mapping for name in job):
        if name in seen:
            told = f"The same file '{name}' cannot be used multiple times in the job file mapping"
            raise Refusal(400, {"job_file_mapping": [told]})
        seen.add(name)
    return mapping
