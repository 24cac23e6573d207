# SPDX-License-Identifier: GPL-3.0-or-later
"""The flsync program at work, without the window waiting for it.

Threads of `flsync.Run` read a run's output; a timer takes from them what has come, at most a few hundred events
each time, and shows it in `WindowManager.flsync`. There are three places: WORK for what people start, UPLOAD for what
goes on in the background after a save, and FOLLOW for looks at the job that was submitted last.
"""

import json
import os
import re
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

import bpy

from . import flsync

WORK, UPLOAD, FOLLOW = "work", "upload", "follow"

INTERVAL = 0.1  # seconds between looks: smooth for the eye, and nothing to the window
PATIENCE = 15.0  # seconds that a canceled program may take before it is ended at once
TURN = 3.0  # seconds between two tries while another flsync works on the project
LONGEST_TURN = 3600.0  # seconds of such tries
AWAY = 75.0  # seconds for which a note counts that the Manager does not answer; flsync repeats it each minute
NOTICE = 10.0  # seconds for which the status bar says how a run ended

# How much of a run each stage is, for one bar; the rest is the submission.
_WEIGHTS = {"trace": 0.1, "hash": 0.25, "upload": 0.6}

# In the order in which a run is shown: the bytes on the line are what people wait for.
_VERBS = {"upload": "Sending", "hash": "Reading files", "trace": "Reading blend files", "checkout": "Making the checkout",
          "submit": "Submitting"}


MISSING = "missing-file"


class Finding(NamedTuple):
    """Something to know of a file or of the scene."""

    code: str
    path: str
    message: str
    remedy: str = ""
    severity: str = "warning"
    block: str = ""  # the data-block of the open file that wants the path, after two letters for its type: IMwood.png
    library: str = ""  # the blend file that the block is linked from


class Activity:
    """One run of the program and what it said so far.

    `start` begins a run; it is called again while another flsync works on the project. `following` is called after each
    run, and returns how to begin the next one, or None."""

    def __init__(self, command: str, start: Callable[[], flsync.Run], ended: Optional[Callable[["Activity"], None]] = None,
                 following: Optional[Callable[["Activity"], Optional[Callable[[], flsync.Run]]]] = None):
        self.command = command
        self.ended = ended  # called once, in Blender's own thread
        self.canceled_at: Optional[float] = None
        self.done = False
        self._start, self._following = start, following
        self._begun = time.monotonic()
        self._trouble = ""  # of `ended`
        self._begin(start)

    def _begin(self, start: Callable[[], flsync.Run]) -> None:
        self.run = start()
        self.progress: Dict[str, flsync.Progress] = {}
        self.found: Dict[Tuple[str, str], Finding] = {}
        self.job: Optional[flsync.Job] = None
        self.manager = ""
        self.objects: List[flsync.Event] = []  # of lists
        self._again_at: Optional[float] = None
        self._factor = 0.0
        self._samples: List[Tuple[float, int]] = []  # of the upload: seconds, bytes
        self._away = (0.0, -1)  # when the Manager did not answer, and how much was done then

    def advance(self) -> None:
        """Takes what has come. Never waits."""
        if self._again_at is not None:
            if self.canceled_at is None and time.monotonic() < self._again_at:
                return
            if self.canceled_at is None:
                try:
                    self._begin(self._start)
                except (flsync.FlsyncError, OSError) as e:  # the program has gone meanwhile
                    self._trouble, self.done = str(e), True
                    return
        for event in self.run.poll():
            self._take(event)
        if self.canceled_at is not None and time.monotonic() - self.canceled_at > PATIENCE:
            self.run.kill()
        if not self.run.done or self.done:
            return
        try:
            if self.canceled_at is None and self._goes_on():
                return
        except (flsync.FlsyncError, OSError) as e:
            self._trouble = str(e)
        self.done = True
        try:
            if self.ended is not None:
                self.ended(self)
        except Exception as e:  # noqa: BLE001 (whatever it is, the window shows it and the timer lives on)
            self._trouble = "%s: %s" % (type(e).__name__, e)

    def _goes_on(self) -> bool:
        """Begins anew where the end of a run is not the end of the work."""
        if any(e.code == "busy" for e in self.run.errors) and time.monotonic() - self._begun < LONGEST_TURN:
            self._again_at = time.monotonic() + TURN
            return True
        following = self._following(self) if self._following is not None else None
        if following is not None:
            self._begin(following)
        return following is not None

    def _take(self, event: flsync.Event) -> None:
        if isinstance(event, flsync.Start):
            self.manager = event.manager
        elif isinstance(event, flsync.Progress):
            self.progress[event.stage] = event
            if event.stage == "upload":
                self._samples = [*self._samples[-25:], (event.elapsed_s, event.bytes_done)]
        elif isinstance(event, (flsync.Note, flsync.Warning)) and event.code == "unreachable":
            self._away = time.monotonic(), self._done()
        elif isinstance(event, flsync.Warning):
            # What follows as a lack, with a remedy, takes the place of its warning.
            message = event.message if event.path in event.message else "%s: %s" % (os.path.basename(event.path), event.message)
            self.found.setdefault((event.code, event.path or event.message), Finding(event.code, event.path, _words(message)))
        elif isinstance(event, flsync.Lack):
            links: List[Mapping[str, str]] = [*event.chain, {}, {}]
            remedy = event.remedy if event.code != "wrong-settings" else ""  # which is for manifests
            self.found[event.code, event.path if event.id or event.code == "held-back" else event.message] = Finding(
                event.code, event.path, _words(event.message), remedy[:1].upper() + remedy[1:], event.severity,
                links[0].get("id", event.id), links[1].get("blend", ""))
        elif isinstance(event, flsync.Job):
            self.job = event
        elif type(event) is flsync.Event:
            self.objects.append(event)

    def _done(self) -> int:
        return sum(p.done + p.bytes_done for p in self.progress.values())

    @property
    def missing(self) -> List[Finding]:
        """The files that are needed and not there."""
        return [f for f in self.found.values() if f.code == MISSING]

    @property
    def findings(self) -> List[Finding]:
        """Everything else to know, what spoils frames first."""
        return sorted((f for f in self.found.values() if f.code != MISSING), key=lambda f: f.severity != "error")

    def cancel(self) -> None:
        self.run.cancel()
        self.canceled_at = self.canceled_at or time.monotonic()

    @property
    def exit_code(self) -> int:
        """The exit code; only when `done`."""
        return 130 if self._again_at is not None and self.canceled_at is not None else self.run.exit_code

    @property
    def submitted(self) -> bool:
        """Reports whether a job went in, or was there."""
        return self.job is not None and bool(self.job.id)

    @property
    def ok(self) -> bool:
        """Reports whether it did what it was for: a job that went in is no failure, whatever is to be said of it, and to have
        found missing files is to have done a check."""
        code = self.exit_code
        return not self._trouble and (code == 0 or code == 3 and (self.submitted or self.command == "check"))

    @property
    def outcome(self) -> str:
        """How it ended: OK, WARNING (done, with something to know), STOPPED (by people), or FAILED."""
        if self.exit_code == 130:
            return "STOPPED"
        if not self.ok:
            return "FAILED"
        return "WARNING" if self.found or self.exit_code else "OK"

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
        if self._again_at is not None:
            return "Another flsync is submitting from this project; waiting for it to end"
        if self._done() <= self._away[1] and time.monotonic() - self._away[0] < AWAY:
            return "The Manager does not answer, trying again…"
        check, send = self.progress.get("check"), self.progress.get("upload")
        before = ""
        if self.command == "upload" and check is not None and send is not None:
            before = self._at_farm(check.done - send.total + send.done, check.total) + " · "
        for stage, verb in _VERBS.items():
            p = self.progress.get(stage)
            if p is not None and p.done < p.total:
                return before + " · ".join(t for t in ("%s %s of %s" % (verb, _count(p.done), _count(p.total)), _amount(p),
                                              self._pace(p) if stage == "upload" else "") if t)
        return "Working…"

    @staticmethod
    def _at_farm(n: int, total: int) -> str:
        return "%s of %s at the farm already" % (_count(n), files(total))

    def _pace(self, p: flsync.Progress) -> str:
        """How fast, and how long still."""
        if len(self._samples) < 3:
            return ""
        (t0, b0), (t1, b1) = self._samples[0], self._samples[-1]
        if t1 - t0 < 0.5 or b1 <= b0:
            return ""
        rate = (b1 - b0) / (t1 - t0)
        return "%s/s · %s" % (size(rate), _duration((p.bytes_total - p.bytes_done) / rate))

    def _ending(self) -> str:
        summary = self.run.summary
        if self._trouble:
            return self._trouble
        if self.exit_code == 130:
            return "Stopped. What was sent stays at the farm"
        if self.command == "check" and self.ok:
            return ", ".join(["Nothing is missing"] * (not self.missing) + self._counts())
        if not self.ok:
            if any(e.code == "lacks" for e in self.run.errors):
                return "Not submitted: " + ", ".join(self._counts())
            return plain(self.run, self.manager)
        if self.command == "refresh":
            return "The Manager has %d job types" % len(self.objects)
        store = summary.store
        sent = "%s sent (%s), %s there already" % (
            files(store.get("uploaded", 0)), size(store.get("uploaded_bytes", 0)), _count(store.get("already_stored", 0)))
        if self.command == "upload":
            return self._at_farm(store.get("already_stored", 0) + store.get("uploaded", 0), store.get("unique", 0))
        if self.job is not None and self.job.skipped:
            return "The job is there already and has not changed; it is %s" % (self.job.status or "the same")
        if self.submitted:
            held = summary.files.get("held_back", 0)
            without = [files(n) + " " + what for n, what in ((len(self.missing), "missing"), (held, "held back")) if n]
            return "Submitted" + (", but with " + " and ".join(without) if without else "") + "; " + sent
        if summary.raw.get("dry_run"):
            return "Would send %s (%s)" % (files(store.get("wanted", 0)), size(store.get("wanted_bytes", 0)))
        return sent

    def _counts(self) -> List[str]:
        serious = sum(f.severity == "error" for f in self.findings)
        counts = ((files(len(self.missing)), "missing"), (_count(serious), "serious"), (_count(len(self.findings) - serious), "to look at"))
        return ["%s %s" % c for c in counts if c[0][:1] != "0"]

    def details(self) -> str:
        """The program's own words after a failure; "" when `status` says the same."""
        if not self.done or self.ok or self._trouble or self.exit_code == 130:
            return ""
        said = self.run.message()
        return "" if said == self.status() else said


_PREFERENCES = "Edit > Preferences > Add-ons > flsync"


def plain(run: flsync.Run, manager: str) -> str:
    """A failure in words for people who never saw a command line."""
    said = run.message()
    codes = {e.code for e in run.errors}
    if run.exit_code == 127:
        return "%s. Choose the flsync program in %s" % (said.split(":")[0], _PREFERENCES)
    if "no Manager is named" in said:
        return "No Manager is named yet. Write its address into %s" % _PREFERENCES
    if "unreachable" in codes or run.exit_code == 4:
        return "%s does not answer as a Manager. Is it running, and is its address in %s right?" % (manager or "The address", _PREFERENCES)
    return _words(said.splitlines()[0] if said else "")


def _words(said: str) -> str:
    """A message without what is for a terminal."""
    said = re.sub(r"^(\S[^:]*\.blend|--[a-z-]+): ", "", said)  # the open file; a flag
    said = re.sub(r" \([^)]*--[^)]*\)|(; [^;]*|, [^,;]*) --.*$", "", said)  # advice
    said = re.sub(r"\b([0-9a-f]{8})-[0-9a-f-]{27}\b", r"\1", said)  # ids, as flsync shortens them
    return said[:1].upper() + said[1:]


def files(n: int) -> str:
    return "1 file" if n == 1 else _count(n) + " files"


def _count(n: int) -> str:
    return format(n, ",")


def _amount(p: flsync.Progress) -> str:
    return "%s of %s" % (size(p.bytes_done), size(p.bytes_total)) if p.bytes_total else ""


def _duration(seconds: float) -> str:
    if seconds < 90:
        return "%d s" % max(1, round(seconds))
    return "%d min" % round(seconds / 60) if seconds < 5400 else "%.1f h" % (seconds / 3600)


def size(n: float) -> str:
    """Bytes for people, in powers of ten."""
    for unit in ("B", "kB", "MB", "GB"):
        if n < 999.5:
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
    """Ends what is under way; for when the add-on goes. Nothing is left that says that something runs."""
    global _ticking
    for activity in _current.values():
        if not activity.done:
            activity.cancel()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    _ticking = False
    _current.clear()
    _notice("")
    state = bpy.context.window_manager.flsync
    for prop in state.bl_rna.properties:
        if not prop.is_readonly or prop.type == "COLLECTION":
            state.property_unset(prop.identifier)


def show() -> None:
    """Writes what is known into `WindowManager.flsync`, and has it drawn."""
    state = bpy.context.window_manager.flsync
    before = _shown(state)
    work = _current.get(WORK)
    if work is not None:
        state.command, state.running = work.command, not work.done
        state.factor, state.status = work.factor(), work.status()
        if len(state.missing) != len(work.missing) or work.done:
            fill(state.missing, work.missing)
        if len(state.findings) != len(work.findings) or work.done:
            fill(state.findings, work.findings)
        if work.job is not None:
            state.job_id, state.job_url, state.job_status = work.job.id, work.job.url, work.job.status
        if work.done:
            state.ok, state.exit_code, state.outcome = work.ok, work.exit_code, work.outcome
            state.details = work.details()
            state.summary = json.dumps(work.run.summary.raw)
            del _current[WORK]
        _notice("flsync: " + state.status)
    follow = _current.get(FOLLOW)
    if follow is not None and follow.done:
        del _current[FOLLOW]
    upload = _current.get(UPLOAD)
    if upload is not None:
        state.uploading, state.upload_status = not upload.done, upload.status()
        if upload.done:
            del _current[UPLOAD]
    if _shown(state) == before:
        return  # drawing is what costs
    redraw()


def redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"PROPERTIES", "PREFERENCES"}:
                area.tag_redraw()


def fill(collection: Any, findings: List[Finding]) -> None:
    """Puts findings into a list of the window."""
    collection.clear()
    for finding in findings:
        item = collection.add()
        item.name = os.path.basename(finding.path) or finding.code
        for key, value in finding._asdict().items():
            setattr(item, key, value)


_noticed = [("", 0.0)]  # what the status bar says, and since when


def _notice(text: str) -> None:
    """Says something in the status bar, for when the panel is not to be seen. An operator of the user's goes before."""
    before, since = _noticed[0]
    running = _current.get(WORK) is not None
    if bpy.app.background or text == before or running and text and time.monotonic() - since < 0.5:
        return
    _noticed[0] = text, time.monotonic()
    for window in bpy.context.window_manager.windows:
        if not getattr(window, "modal_operators", ()):
            window.workspace.status_text_set_internal(text or None)
    if bpy.app.timers.is_registered(_clear_notice):
        bpy.app.timers.unregister(_clear_notice)
    if text and not running:
        bpy.app.timers.register(_clear_notice, first_interval=NOTICE, persistent=True)


def _clear_notice() -> None:
    _notice("")


def _shown(state: Any) -> Tuple[Any, ...]:
    """What people see of it."""
    return (state.running, "%.2f" % state.factor, state.status, len(state.missing), len(state.findings), state.job_url, state.job_status,
            state.upload_status)
