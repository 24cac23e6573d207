# SPDX-License-Identifier: GPL-3.0-or-later
"""The flsync program at work, without the window waiting for it.

A run's output is read by threads of `flsync.Run`; a timer takes from them what has come, at most a few
hundred events each time, and shows it in `WindowManager.flsync`. There are two places: WORK for what people
started, and UPLOAD for what goes on in the background after a save.
"""

import json
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

import bpy

from . import flsync

WORK, UPLOAD = "work", "upload"

INTERVAL = 0.1  # seconds between looks: smooth for the eye, and nothing to the window
PATIENCE = 15.0  # seconds that a canceled program may take before it is ended at once

# How much of a run each stage is, for one bar; the rest is the submission.
_WEIGHTS = {"trace": 0.1, "hash": 0.25, "upload": 0.6}
_VERBS = {"trace": "Reading blend files", "hash": "Reading files", "check": "Asking the Manager", "upload": "Sending",
          "checkout": "Making the checkout", "submit": "Submitting"}
_STAGES = tuple(_VERBS)


class Activity:
    """One run of the program and what it told so far."""

    def __init__(self, command: str, run: flsync.Run, ended: Optional[Callable[["Activity"], None]] = None):
        self.command = command
        self.run = run
        self.ended = ended  # called once, in Blender's own thread
        self.progress: Dict[str, flsync.Progress] = {}
        self.missing: Dict[str, str] = {}  # path: message
        self.warnings: List[str] = []
        self.job: Optional[flsync.Job] = None
        self.objects: List[flsync.Event] = []  # of lists
        self.canceled_at: Optional[float] = None
        self.done = False
        self._trouble = ""  # of `ended`
        self._factor = 0.0

    def advance(self) -> None:
        """Takes what has come. Never waits."""
        for event in self.run.poll():
            self._take(event)
        if self.canceled_at is not None and time.monotonic() - self.canceled_at > PATIENCE:
            self.run.kill()
        if self.run.done and not self.done:
            self.done = True
            try:
                if self.ended is not None:
                    self.ended(self)
            except Exception as e:  # noqa: BLE001 (whatever it is, the window shows it and the timer lives on)
                self._trouble = "%s: %s" % (type(e).__name__, e)

    def _take(self, event: flsync.Event) -> None:
        if isinstance(event, flsync.Progress):
            self.progress[event.stage] = event
        elif isinstance(event, flsync.Warning):
            if event.code == "missing-file":
                chain = [c for c in event.raw.get("chain") or () if isinstance(c, str)]
                self.missing[event.path] = "wanted by " + ", ".join(chain) if chain else event.message
            else:
                self.warnings.append("%s: %s" % (event.path, event.message) if event.path else event.message)
        elif isinstance(event, flsync.Dependency):
            if event.missing:
                self.missing[event.path] = event.raw.get("message") or "%s in %s" % (event.id, event.used_by)
        elif isinstance(event, flsync.Job):
            self.job = event
        elif type(event) is flsync.Event:
            self.objects.append(event)

    def cancel(self) -> None:
        self.run.cancel()
        self.canceled_at = self.canceled_at or time.monotonic()

    @property
    def ok(self) -> bool:
        """Whether it did all it was asked for. To have found missing files is to have done a check."""
        succeeded = self.run.exit_code == 0 or self.command == "check" and self.run.exit_code == 3
        return succeeded and not self._trouble

    def factor(self) -> float:
        """How much is done, from 0 to 1; never less than before, though totals grow while files are found."""
        if self.done:
            return 1.0
        now = 0.0
        for stage, weight in _WEIGHTS.items():
            p = self.progress.get(stage)
            if p is not None and p.total:
                now += weight * (p.bytes_done / p.bytes_total if p.bytes_total else p.done / p.total)
        self._factor = max(self._factor, min(now, 1.0))
        return self._factor

    def status(self) -> str:
        """One sentence about it."""
        if self.done:
            return self._ending()
        if self.canceled_at is not None:
            return "Stopping…"
        for stage in reversed(_STAGES):
            p = self.progress.get(stage)
            if p is not None and p.done < p.total:
                text = "%s: %d of %d" % (_VERBS[stage], p.done, p.total)
                return text + (", %s of %s" % (_size(p.bytes_done), _size(p.bytes_total)) if p.bytes_total else "")
        return "Working…"

    def _ending(self) -> str:
        summary = self.run.summary
        if self._trouble:
            return self._trouble
        if self.run.exit_code == 130:
            return "Stopped; what was sent stays with the Manager"
        if self.missing and (self.command == "check" or not summary.ok):
            return "Missing: " + _files(len(self.missing))
        if not self.ok:
            return self.run.message()
        if self.command == "check":
            return "Nothing is missing"
        if self.command == "refresh":
            return "The Manager has %d job types" % len(self.objects)
        store = summary.store
        sent = "%s sent (%s), %d there already" % (
            _files(store.get("uploaded", 0)), _size(store.get("uploaded_bytes", 0)), store.get("already_stored", 0))
        if self.job is not None and self.job.skipped:
            return "The job is there already: %s" % (self.job.raw.get("reason") or self.job.status)
        if self.job is not None and self.job.id:
            return "Submitted; " + sent
        if summary.raw.get("dry_run"):
            return "Would send %s (%s)" % (_files(store.get("wanted", 0)), _size(store.get("wanted_bytes", 0)))
        return sent


def _files(n: int) -> str:
    return "1 file" if n == 1 else "%d files" % n


def _size(n: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return "%.3g %s" % (n, unit)
        n /= 1000
    return "%.4g TB" % n


# --- What is under way ------------------------------------------------------------------------------

_current: Dict[str, Activity] = {}

# Whether the timer is to come again. Blender's own is_registered still says so of a timer that has just said no,
# for as long as other timers of the same round run.
_ticking = False


def current(place: str = WORK) -> Optional[Activity]:
    """What is under way in a place, if anything."""
    found = _current.get(place)
    return found if found is not None and not found.done else None


def begin(activity: Activity, place: str = WORK, block: bool = False) -> None:
    """Follows an activity: with a timer, or until its end."""
    global _ticking
    _current[place] = activity
    if block:
        while not activity.done:
            activity.advance()
            if not activity.done:
                time.sleep(0.01)
        show()
    elif not _ticking:
        _ticking = True
        bpy.app.timers.register(tick, first_interval=INTERVAL, persistent=True)  # also when another file is opened
    show()


def tick() -> Optional[float]:
    """The timer: takes what has come, shows it, and asks to be called again while something runs."""
    global _ticking
    _ticking = False  # should something below fail, the next run begins anew
    for activity in list(_current.values()):
        if not activity.done:
            activity.advance()
    show()
    _ticking = any(not a.done for a in _current.values())
    return INTERVAL if _ticking else None


def stop_all() -> None:
    """Ends what is under way; for when the add-on goes."""
    global _ticking
    for activity in _current.values():
        if not activity.done:
            activity.cancel()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    _ticking = False
    _current.clear()


def show() -> None:
    """Brings `WindowManager.flsync` up to date, and has it drawn."""
    state = bpy.context.window_manager.flsync
    before = _shown(state)
    work = _current.get(WORK)
    if work is not None:
        state.command, state.running = work.command, not work.done
        state.factor, state.status = work.factor(), work.status()
        if len(state.missing) != len(work.missing) or work.done:
            state.missing.clear()
            for path, message in work.missing.items():
                item = state.missing.add()
                item.path, item.message = path, message
        if work.job is not None:
            state.job_id, state.job_url = work.job.id, work.job.url
        if work.done:
            state.ok, state.exit_code = work.ok, work.run.exit_code
            state.summary = json.dumps(work.run.summary.raw)
            del _current[WORK]
    upload = _current.get(UPLOAD)
    if upload is not None:
        state.uploading, state.upload_status = not upload.done, upload.status()
        if upload.done:
            del _current[UPLOAD]
    if _shown(state) == before:
        return  # drawing is what costs
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"PROPERTIES", "PREFERENCES"}:
                area.tag_redraw()


def _shown(state: Any) -> Tuple[Any, ...]:
    """What people see of it."""
    return state.running, "%.2f" % state.factor, state.status, len(state.missing), state.job_url, state.upload_status
