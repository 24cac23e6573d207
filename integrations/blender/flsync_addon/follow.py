# SPDX-License-Identifier: GPL-3.0-or-later
"""The job that was submitted last: how far the farm is with it, looked at every few seconds while the window is open."""

import os
from typing import Any, Callable, List, Optional

import bpy
import bpy.utils.previews

from . import activity, flsync, preferences

SECONDS = 10.0  # between two looks
_ENDS = {"completed", "canceled", "failed", "cancel-requested"}

_failures = [0]  # looks in a row that failed
_steps = [0]  # of the job that were done when its last picture was asked for
_pictures: List[Any] = []  # one collection of previews, with at most one


def begin(submission: activity.Activity) -> None:
    """Follows the job of a submission that has ended. Not in background mode."""
    _failures[0] = _steps[0] = 0
    for pictures in _pictures:
        pictures.clear()
    state = bpy.context.window_manager.flsync
    state.job_progress = 0
    if submission.submitted and not bpy.app.background:
        bpy.app.timers.register(_look, first_interval=2, persistent=True)


def ask(action: str = "show") -> None:
    """Looks at the job now, or pauses, resumes, cancels or requeues it. Raises as `Program.start` does."""
    job, program = bpy.context.window_manager.flsync.job_id, preferences.online()
    arguments = [job] if action == "show" else ["--reason", "from Blender", job]
    file = os.path.join(bpy.app.tempdir, "flsync-last-rendered")

    def following(look: activity.Activity) -> Optional[Callable[[], flsync.Run]]:
        if look.run.command != "jobs " + action or not _learn(look):
            return None
        return lambda: program.start("jobs last-rendered", "--output", file, job)

    def ended(look: activity.Activity) -> None:
        if look.run.command == "jobs last-rendered" and look.exit_code == 0:  # else nothing is rendered yet
            for pictures in _pictures:
                pictures.clear()
                pictures.load("last", file, "IMAGE")
            activity.redraw()
        state = bpy.context.window_manager.flsync
        if not bpy.app.background and _failures[0] < 5 and state.job_status not in _ENDS:
            bpy.app.timers.register(_look, first_interval=SECONDS, persistent=True)

    stop()
    begun = activity.Activity(action, lambda: program.start("jobs " + action, *arguments), ended, following)
    activity.begin(begun, activity.FOLLOW, block=bpy.app.background)


def picture() -> int:
    """Returns the icon of the last picture that was rendered, 0 if there is none."""
    return next((p["last"].icon_id for p in _pictures if "last" in p), 0)


def stop() -> None:
    """Looks no more."""
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)


def _look() -> Optional[float]:
    state = bpy.context.window_manager.flsync
    if not state.job_id:
        return None
    if activity.current(activity.FOLLOW) is not None:
        return SECONDS
    try:
        ask()
    except Exception:  # noqa: BLE001 (the program has gone, or Blender is offline: nobody asked for this look)
        return None
    return None  # the end of the look begins the next one


def _learn(look: activity.Activity) -> bool:
    """Takes what was said of the job. Reports whether more of it is done than before."""
    state = bpy.context.window_manager.flsync
    said = next((e.raw for e in look.objects if e.raw.get("id") == state.job_id), None)
    _failures[0] = 0 if said else _failures[0] + 1
    if not said:
        return False
    done, total = said.get("steps_completed") or 0, said.get("steps_total") or 0
    state.job_status = str(said.get("status", ""))
    state.job_progress = done / total if total else 0
    activity.redraw()
    before, _steps[0] = _steps[0], done
    return done != before


def register() -> None:
    _pictures.append(bpy.utils.previews.new())


def unregister() -> None:
    stop()
    while _pictures:
        bpy.utils.previews.remove(_pictures.pop())
