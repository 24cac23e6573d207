# SPDX-License-Identifier: GPL-3.0-or-later
"""The job that was submitted last: how far the farm is with it, looked at every few seconds while the window is open."""

from typing import Optional

import bpy

from . import activity, preferences

SECONDS = 10.0  # between two looks
_ENDS = {"completed", "canceled", "failed", "cancel-requested"}

_failures = [0]  # looks in a row that failed


def begin(submission: activity.Activity) -> None:
    """Follows the job of a submission that has ended. Not in background mode."""
    _failures[0] = 0
    state = bpy.context.window_manager.flsync
    state.job_progress = 0
    if submission.submitted and not bpy.app.background:
        bpy.app.timers.register(_look, first_interval=2, persistent=True)


def ask(action: str = "show") -> None:
    """Looks at the job now, or pauses, resumes, cancels or requeues it. Raises as `Program.start` does."""
    job, program = bpy.context.window_manager.flsync.job_id, preferences.online()
    arguments = [job] if action == "show" else ["--reason", "from Blender", job]
    stop()
    begun = activity.Activity(action, lambda: program.start("jobs " + action, *arguments), _learn)
    activity.begin(begun, activity.FOLLOW, block=bpy.app.background)


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


def _learn(look: activity.Activity) -> None:
    state = bpy.context.window_manager.flsync
    said = next((e.raw for e in look.objects if e.raw.get("id") == state.job_id), None)
    _failures[0] = 0 if said else _failures[0] + 1
    if said:
        state.job_status = str(said.get("status", ""))
        total = said.get("steps_total") or 0
        state.job_progress = said.get("steps_completed", 0) / total if total else 0
        activity.redraw()
    if not bpy.app.background and _failures[0] < 5 and state.job_status not in _ENDS:
        bpy.app.timers.register(_look, first_interval=SECONDS, persistent=True)
