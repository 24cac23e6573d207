# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the flsync program and hands on what it tells, event by event.

Basics::

    import flsync

    for event in flsync.submit("shots/sh010.blend", settings={"render_output_root": "/render"}):
        if isinstance(event, flsync.Job):
            print(event.name, event.url)

    summary = flsync.sync("project").wait()

Each function starts the program and returns a `Run` at once. A run is an iterator of events that ends
with an exception of the exit code's class when the program did not succeed; `Run.wait` does the same without
the events. What has a window asks `Run.poll` from a timer instead: it never waits.

Caveats: the program is looked for on the PATH unless a `Program` says where it is. A run that is dropped
goes on; use it in a `with` statement to have it stopped.

Standard library only; Python 3.9 and later. `from flsync import *` leaves `Warning` out, which is a name of Python's own.
"""

from __future__ import annotations

import json
import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Type, Union, cast

__version__ = "0.1.0"  # of this module; `Start.version` is the program's

__all__ = [
    "Blend", "Checkout", "Dependency", "Error", "Event", "FailedError", "FlsyncError", "Interrupted", "Job", "Lack", "NotInstalledError",
    "Note", "PartialError", "Program", "Progress", "Run", "Start", "Summary", "UnreachableError", "UsageError",
    "check", "deps", "inspect", "job_types", "parse", "split_flags", "submit", "sync",
]

PathLike = Union[str, "os.PathLike[str]"]

# --- Events -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """One line of the program's output. `raw` has every field of it, also those without an attribute.

    This class itself stands for objects of other types, such as the Manager's own from `job_types`."""

    type: ClassVar[str] = ""
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Start(Event):
    """The run has begun."""

    type: ClassVar[str] = "start"
    run: str = ""
    command: str = ""
    version: str = ""
    manager: str = ""


@dataclass(frozen=True)
class Progress(Event):
    """How far a stage is: trace, hash, check, upload, checkout or submit. Sizes are bytes, also of files half sent."""

    type: ClassVar[str] = "progress"
    stage: str = ""
    done: int = 0
    total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    retried: int = 0  # uploads that failed and were begun again
    elapsed_s: float = 0.0  # since the run began


@dataclass(frozen=True)
class Warning(Event):  # noqa: A001 (the event's own name; used as flsync.Warning)
    """Something to know that stops nothing. The code is stable, the message is for people."""

    type: ClassVar[str] = "warning"
    code: str = ""
    path: str = ""
    job: str = ""
    message: str = ""


@dataclass(frozen=True)
class Error(Event):
    """Something that failed. The code is stable, the message is for people."""

    type: ClassVar[str] = "error"
    code: str = ""
    path: str = ""
    job: str = ""
    message: str = ""


@dataclass(frozen=True)
class Lack(Event):
    """Something that would spoil a render: from `check`, with a remedy. The severity is "error" or "warning"."""

    type: ClassVar[str] = "lack"
    code: str = ""
    severity: str = ""
    path: str = ""
    used_by: str = ""  # the blend file that names the path, and its data-block
    id: str = ""
    job: str = ""
    scene: str = ""
    message: str = ""
    remedy: str = ""
    chain: Sequence[Mapping[str, str]] = ()  # who wants the file, outermost first: data-blocks as "blend" and "id"


@dataclass(frozen=True)
class Note(Event):
    """A remark for people. With the code "unreachable" the Manager does not answer, and is asked again."""

    type: ClassVar[str] = "note"
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class Checkout(Event):
    """The Manager made a checkout."""

    type: ClassVar[str] = "checkout"
    requested: str = ""
    path: str = ""
    files: int = 0


@dataclass(frozen=True)
class Job(Event):
    """A job is at the Manager, or was there already (skipped). After a dry run it has no id."""

    type: ClassVar[str] = "job"
    name: str = ""
    key: str = ""
    id: str = ""
    status: str = ""
    checkout: str = ""
    blendfile: str = ""
    skipped: bool = False
    url: str = ""


@dataclass(frozen=True)
class Dependency(Event):
    """A file that a blend file needs."""

    type: ClassVar[str] = "dependency"
    path: str = ""
    kind: str = ""
    missing: bool = False
    used_by: str = ""
    id: str = ""
    field: str = ""


@dataclass(frozen=True)
class Blend(Event):
    """What a render needs to know of a blend file."""

    type: ClassVar[str] = "blend"
    path: str = ""
    version: str = ""
    compression: str = ""
    active_scene: str = ""
    scenes: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Summary(Event):
    """The last event: how the run ended, and its counts. Commands that only list have none of the program's."""

    type: ClassVar[str] = "summary"
    ok: bool = False
    exit_code: int = 0
    run: str = ""
    duration_s: float = 0.0
    files: Mapping[str, int] = field(default_factory=dict[str, int])
    store: Mapping[str, int] = field(default_factory=dict[str, int])
    jobs: Mapping[str, int] = field(default_factory=dict[str, int])
    checkouts: Sequence[Mapping[str, Any]] = ()


_CLASSES: Tuple[Type[Event], ...] = (Start, Progress, Warning, Error, Lack, Note, Checkout, Job, Dependency, Blend, Summary)
_EVENTS: Dict[str, Type[Event]] = {cls.type: cls for cls in _CLASSES}


def parse(line: Union[str, bytes]) -> Event:
    """One line of output as its event. Fields and types that this module does not know are kept in `raw`.

    Raises ValueError for what is no JSON object."""
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    raw = cast(Dict[str, Any], found)
    cls = _EVENTS.get(str(raw.get("type", "")), Event)
    known = {f.name for f in fields(cls)} - {"raw"}
    return cls(raw=raw, **{k: v for k, v in raw.items() if k in known and v is not None})


# --- Failures ---------------------------------------------------------------------------------------


class FlsyncError(Exception):
    """A run that did not succeed. Its classes follow the program's exit codes."""

    def __init__(self, message: str, exit_code: int, summary: Summary, errors: Sequence[Error] = ()):
        super().__init__(message)
        self.exit_code = exit_code
        self.summary = summary  # how far it got
        self.errors = list(errors)  # each with its code


class FailedError(FlsyncError):
    """Exit code 1, and every one that is not below: nothing took effect that a second run would not take up."""


class UsageError(FlsyncError):
    """Exit code 2: wrong arguments, wrong configuration, an invalid manifest. Nothing was sent."""


class PartialError(FlsyncError):
    """Exit code 3: some jobs or files failed, the others were done."""


class UnreachableError(FlsyncError):
    """Exit code 4: the Manager could not be reached, or kept failing."""


class Interrupted(FlsyncError):
    """Exit code 130: stopped by `Run.cancel` or a signal, cleanly."""


class NotInstalledError(FlsyncError):
    """The program is not where it was looked for, or what is there is not flsync."""


_NOT_FLSYNC = 127

_ERRORS: Dict[int, Type[FlsyncError]] = {
    1: FailedError, 2: UsageError, 3: PartialError, 4: UnreachableError, _NOT_FLSYNC: NotInstalledError, 130: Interrupted,
}

# --- The program ------------------------------------------------------------------------------------

# What the first event of a command is. Without it the program that was run is not flsync, whatever its exit code is.
# Other commands print lists, which may be empty.
_FIRST: Dict[str, Type[Event]] = {
    "submit": Start, "sync": Start, "deps": Start, "inspect": Start, "hash": Start, "check": Start, "version": Event, "jobs types": Event,
}


@dataclass(frozen=True)
class Program:
    """Where the program is and what every run of it is told."""

    path: str = "flsync"  # a name on the PATH, or a file
    manager: str = ""  # the Manager's URL; "": what the program's own configuration says
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)  # handed over by environment: not in the process list
    args: Sequence[str] = ()  # more flags, of those that every command has
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)  # more environment

    def start(self, command: str, *args: str, stdin: Optional[bytes] = None) -> Run:
        """Starts a command such as "jobs types", with --json.

        Raises NotInstalledError, and ValueError for a header with a line break, which would be two headers."""
        for name, value in self.headers.items():
            if any(c in name + value for c in "\r\n\0"):
                raise ValueError("the header %r has a line break in its name or value" % name)
        found = shutil.which(self.path)
        if found is None:
            raise NotInstalledError(
                "the program %r was not found; install flsync or say where it is" % self.path,
                _NOT_FLSYNC, Summary(raw={}, exit_code=_NOT_FLSYNC))
        line = [found, *command.split(), "--json", "--quiet", *self.args, *args]
        env = {**os.environ, **self.env}
        if self.manager:  # not as a flag: a URL may have a password in it
            env["FLSYNC_MANAGER"] = self.manager
        if self.headers:
            env["FLSYNC_HEADER"] = "\n".join("%s: %s" % h for h in self.headers.items())
        return Run(line, env, stdin, _FIRST.get(command), command)


class Run:
    """The program at work: an iterator of its events.

    Two threads read its output, so that it never waits for the caller and the caller need not wait for it."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], stdin: Optional[bytes] = None,
                 first: Optional[Type[Event]] = None, name: str = ""):
        self.summary = Summary(raw={}, exit_code=-1)  # the program's own once `done`
        self.command = name  # such as "jobs types"
        self._program = command[0]
        self._first = first  # the class of the first event; None: there may be no event
        self.errors: List[Error] = []  # that were read until now
        self._stderr: List[str] = []
        self._events: queue.Queue[Optional[Event]] = queue.Queue()
        self._ended = False  # everything has been handed on
        self._stopped = False  # by us
        options: Dict[str, Any] = {}
        if sys.platform == "win32":
            # A group of its own gets the Ctrl-Break that cancels it without its parent getting it, too.
            options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
            options["startupinfo"] = subprocess.STARTUPINFO(dwFlags=subprocess.STARTF_USESHOWWINDOW)
        self._process = subprocess.Popen(
            list(command), env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE, **options)
        self._errors_read = threading.Thread(target=self._read_stderr, daemon=True)
        self._errors_read.start()
        threading.Thread(target=self._read, daemon=True).start()
        if stdin is not None:
            threading.Thread(target=self._write, args=(stdin,), daemon=True).start()

    # For scripts.

    def __iter__(self) -> Iterator[Event]:
        """Every event, and then the exception of the exit code, if it is not 0."""
        while not self._ended:
            event = self._next(block=True)
            if event is not None:
                yield event
        self.check()

    def wait(self) -> Summary:
        """Waits for the end and returns the summary. Raises as iterating does."""
        for _ in self:
            pass
        return self.summary

    def events(self) -> List[Event]:
        """Waits for the end and returns all events. Raises as iterating does."""
        return list(self)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        """Stops the program when it still runs."""
        if not self._ended:
            self.cancel()
            while not self._ended:
                self._next(block=True)

    # For windows.

    def poll(self, limit: int = 200) -> List[Event]:
        """What was told since the last call, at most `limit` events. Never waits, never raises."""
        events: List[Event] = []
        while len(events) < limit and not self._ended:
            try:
                event = self._next(block=False)
            except queue.Empty:
                break
            if event is not None:
                events.append(event)
        return events

    @property
    def done(self) -> bool:
        """Whether the program has ended and all its events have been handed on."""
        return self._ended

    def cancel(self) -> None:
        """Asks the program to stop. It stops cleanly within moments; read on until it has."""
        if self._process.poll() is not None:
            return
        self._stopped = True
        try:
            if sys.platform == "win32":
                self._process.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                self._process.send_signal(signal.SIGINT)
        except OSError:  # on Windows without a console; what was done is taken up again by the next run
            self._process.terminate()

    def kill(self) -> None:
        """Ends the program at once. That harms nothing either: the next run takes up where it was."""
        if self._process.poll() is None:
            self._stopped = True
            self._process.kill()

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    # How it ended.

    @property
    def exit_code(self) -> int:
        """The exit code, 127 for a program that is not flsync. Raises RuntimeError before `done`."""
        if not self._ended:
            raise RuntimeError("flsync is still running: read its events until done")
        return self.summary.exit_code

    def check(self) -> None:
        """Raises the exception of the exit code, if it is not 0. Raises RuntimeError before `done`."""
        if self.exit_code != 0:
            raise _ERRORS.get(self.exit_code, FailedError)(self.message(), self.exit_code, self.summary, self.errors)

    def message(self) -> str:
        """What went wrong, for people: the program's own words."""
        if self.exit_code == _NOT_FLSYNC:
            return "%s is not flsync: it did not answer as flsync does" % self._program
        said = [e.message for e in self.errors] or self._stderr[-5:]
        if said:
            return "\n".join(said)
        return _MEANING.get(self.exit_code, "flsync ended with exit code %d" % self.exit_code)

    # Threads.

    def _next(self, block: bool) -> Optional[Event]:
        """The next event; None behind the last one."""
        event = self._events.get(block)
        if event is None:
            self._ended = True
        elif isinstance(event, Error):
            self.errors.append(event)
        return event

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        summary: Optional[Summary] = None
        known = self._first is None  # whether what runs is flsync
        with stdout:
            for line in stdout:
                try:
                    event = parse(line)
                except ValueError:
                    self._stderr.append(line.decode("utf-8", "replace").strip())
                    continue
                if isinstance(event, Summary):
                    summary = event
                known = known or type(event) is self._first or isinstance(event, (Error, Summary)) and bool(event.raw.get("type"))
                self._events.put(event)
        code = self._process.wait()
        self._errors_read.join()
        if self._stopped and summary is None:  # before it could say anything
            code = 130
        elif not known and not self._stopped:
            code = _NOT_FLSYNC
        if summary is None or summary.exit_code != code:  # lists have none, and killed programs
            summary = Summary(raw=summary.raw if summary else {}, ok=code == 0, exit_code=code)
        self.summary = summary
        self._events.put(None)

    def _read_stderr(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        with stderr:
            for line in stderr:
                self._stderr.append(line.decode("utf-8", "replace").rstrip())
                del self._stderr[:-50]

    def _write(self, data: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            with stdin:
                stdin.write(data)
        except OSError:  # it ended before it read all, and says why itself
            pass


_MEANING = {3: "some of it could not be done", 130: "stopped"}

# --- Commands ---------------------------------------------------------------------------------------

PROGRAM = Program()


def submit(
    *targets: PathLike,
    settings: Optional[Mapping[str, Any]] = None,
    job_type: str = "",
    name: str = "",
    project: Optional[PathLike] = None,
    scene: str = "",
    priority: Optional[int] = None,
    tag: str = "",
    metadata: Optional[Mapping[str, str]] = None,
    exclude: Sequence[str] = (),
    missing: str = "",
    paused: bool = False,
    hold: bool = False,
    force: bool = False,
    only_changed: bool = False,
    dry_run: bool = False,
    upload_only: bool = False,
    wait: bool = False,
    manifest: Optional[Mapping[str, Any]] = None,
    args: Sequence[str] = (),
    program: Program = PROGRAM,
) -> Run:
    """Sends what blend files or manifests need and submits their jobs; see `flsync submit --help`.

    A manifest may be given as an object instead of a target. `upload_only` ends when the files are in
    the store. `missing` is "warn" or "fail". The Job events say what was submitted.

    Raises TypeError for a setting that is no text, number or bool, and for a text in place of a list."""
    flags = _flags(("--type", job_type), ("--name", name), ("--scene", scene), ("--tag", tag), ("--missing", missing))
    if project is not None:
        flags += ["--project", os.fspath(project)]
    if priority is not None:
        flags += ["--priority", str(priority)]
    flags += _settings(settings)
    for key, value in (metadata or {}).items():
        flags += ["--metadata", "%s=%s" % (key, _text(key, value))]
    flags += _each("--exclude", exclude)
    switches = {
        "--paused": paused, "--hold": hold, "--force": force, "--only-changed": only_changed,
        "--dry-run": dry_run, "--upload-only": upload_only, "--wait": wait,
    }
    flags += [flag for flag, on in switches.items() if on]
    files = _paths(targets)
    stdin = None
    if manifest is not None:
        files.append("-")
        stdin = json.dumps(manifest).encode()
    return program.start("submit", *flags, *args, "--", *files, stdin=stdin)


def sync(
    *paths: PathLike,
    checkout: str = "",
    no_checkout: bool = False,
    exclude: Sequence[str] = (),
    dry_run: bool = False,
    verify: bool = False,
    args: Sequence[str] = (),
    program: Program = PROGRAM,
) -> Run:
    """Sends folders and files to the store and makes one checkout of them; see `flsync sync --help`."""
    flags = [*_flags(("--checkout", checkout)), *_each("--exclude", exclude)]
    switches = {"--no-checkout": no_checkout, "--dry-run": dry_run, "--verify": verify}
    flags += [flag for flag, on in switches.items() if on]
    return program.start("sync", *flags, *args, "--", *_paths(paths))


def check(
    *targets: PathLike,
    settings: Optional[Mapping[str, Any]] = None,
    job_type: str = "",
    project: Optional[PathLike] = None,
    scene: str = "",
    edit: Optional[PathLike] = None,
    farm_blender: str = "",
    args: Sequence[str] = (),
    program: Program = PROGRAM,
) -> Run:
    """Finds what would go wrong tonight, as Lack events; see `flsync check --help`. Writes nothing.

    The settings are checked with a Manager; the one that is named "none" is not asked. If there is an error among the
    events, the run ends with a PartialError. Raises TypeError as `submit` does."""
    flags = _flags(("--type", job_type), ("--scene", scene), ("--farm-blender", farm_blender))
    flags += [] if edit is None else ["--edit", os.fspath(edit)]
    flags += [] if project is None else ["--project", os.fspath(project)]
    flags += _settings(settings)
    return program.start("check", *flags, *args, "--", *_paths(targets))


def deps(*files: PathLike, missing: bool = False, program: Program = PROGRAM) -> Run:
    """Every file that blend files need, as Dependency events.

    With `missing` only those that are not there; if there are any, the run ends with a PartialError."""
    return program.start("deps", *(["--missing"] if missing else []), "--", *_paths(files))


def inspect(*files: PathLike, program: Program = PROGRAM) -> Run:
    """What a render needs to know of blend files, as Blend events."""
    return program.start("inspect", "--", *_paths(files))


def job_types(program: Program = PROGRAM) -> Run:
    """The Manager's job types, as plain events: `[e.raw for e in flsync.job_types()]`."""
    return program.start("jobs types")


def split_flags(text: str, windows: bool = os.name == "nt") -> List[str]:
    """The flags in a line that people wrote, with quotes around what has spaces. Raises ValueError for an open quote.

    On Windows a backslash is no escape: it stands in paths."""
    words = shlex.shlex(text, posix=True, punctuation_chars=False)
    words.whitespace_split, words.commenters = True, ""
    if windows:
        words.escape = ""
    return list(words)


def _flags(*pairs: Tuple[str, str]) -> List[str]:
    return [arg for flag, value in pairs if value for arg in (flag, value)]


def _paths(paths: Sequence[PathLike]) -> List[str]:
    """Texts of paths. Raises TypeError for what is none, such as a list."""
    return [os.fspath(p) for p in paths]


def _each(flag: str, values: Sequence[str]) -> List[str]:
    if isinstance(values, str):
        raise TypeError("%s: a list of texts is wanted, not the text %r" % (flag, values))
    return [arg for value in values for arg in (flag, value)]


def _settings(settings: Optional[Mapping[str, Any]]) -> List[str]:
    return [arg for key, value in (settings or {}).items() for arg in ("--set", "%s=%s" % (key, _text(key, value)))]


def _text(key: str, value: object) -> str:
    """A setting's value as --set takes it."""
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (str, int, float, os.PathLike)):
        return str(cast(object, value))
    raise TypeError("%s: a text, a number or a bool is wanted, not %r" % (key, value))
