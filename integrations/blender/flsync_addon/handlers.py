# SPDX-License-Identifier: GPL-3.0-or-later
"""After each save: what the file needs is hashed and sent in the background, when the preferences say so."""

from contextlib import contextmanager
from typing import Any, Iterator, List

import bpy
from bpy.app.handlers import persistent

from . import activity, flsync, preferences, properties

_quiet: List[bool] = []  # one for each quiet() that is entered
_again: List[str] = []  # the file that was saved while an upload was under way


@contextmanager
def quiet() -> Iterator[None]:
    """Saves in it start no upload: something that sends follows anyway."""
    _quiet.append(True)
    try:
        yield
    finally:
        _quiet.pop()


@persistent
def after_save(*_: Any) -> None:
    """The handler. Not in background mode, where there are no timers: a script there calls flsync.sync."""
    blend = bpy.data.filepath  # "" when the startup file is saved
    if blend and preferences.get().upload_after_save and not _quiet and not bpy.app.background:
        upload(blend)


def send(blend: str, project: str) -> flsync.Run:
    """Sends what a file needs, and leaves it at that."""
    return flsync.submit(blend, project=project or None, upload_only=True, program=preferences.online("submit"))


def upload(blend: str) -> None:
    """Begins an upload; one that is under way is stopped first, as it is of an older state of the file."""
    under_way = activity.current(activity.UPLOAD)
    if under_way is not None:
        _again[:] = [blend]
        under_way.cancel()
        return
    project = properties.project_of(bpy.context.scene, blend)
    try:
        begun = activity.Activity("upload", lambda: send(blend, project), _ended)
    except (flsync.NotInstalledError, OSError, ValueError) as e:
        bpy.context.window_manager.flsync.upload_status = str(e)
        return
    activity.begin(begun, activity.UPLOAD)


def _ended(_: activity.Activity) -> None:
    if _again:
        blend = _again.pop()
        # After the timer has shown this one's end.
        bpy.app.timers.register(lambda: upload(blend), first_interval=activity.INTERVAL)


def register() -> None:
    bpy.app.handlers.save_post.append(after_save)


def unregister() -> None:
    bpy.app.handlers.save_post.remove(after_save)
    _again.clear()
