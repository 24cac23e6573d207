# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scene says about its job, and what the window shows of the program at work.

`Scene.flsync` is saved with the file. `WindowManager.flsync` is never saved; other add-ons may read it:
whether something runs, how far it is, how it ended, the last job, and what is missing.
"""

import os
from typing import List, Tuple

import bpy

from . import jobtypes, preferences

_items: List[Tuple[str, str, str, int]] = []  # Blender keeps no strings of an enumeration: somebody has to


def _job_type_items(_self: object, _context: object) -> List[Tuple[str, str, str, int]]:
    global _items
    _items = [(t.name, t.label, t.description, i) for i, t in enumerate(jobtypes.known())]
    return _items or [("", "ask the Manager first", "", 0)]


class FlsyncScene(bpy.types.PropertyGroup):
    """A scene's job. The type is kept by name, as its place in the list changes with the Manager."""

    job_type_name: bpy.props.StringProperty()
    job_type: bpy.props.EnumProperty(
        name="Job Type", description="What the farm is to do",
        items=_job_type_items,
        get=lambda self: jobtypes.index(self.job_type_name),
        set=lambda self, value: self.__setattr__("job_type_name", jobtypes.name_at(value)),
    )
    job_name: bpy.props.StringProperty(name="Job Name", description="Default: the file's name")
    project: bpy.props.StringProperty(
        name="Project", subtype="DIR_PATH",
        description="The folder that paths are kept under. Default: that of the preferences, or the file's own",
    )
    priority: bpy.props.IntProperty(name="Priority", default=50, min=0, max=100)
    tag: bpy.props.StringProperty(name="Worker Tag", description="Only workers of this tag, by name or id")
    paused: bpy.props.BoolProperty(name="Submit Paused", default=False)


class FlsyncMissing(bpy.types.PropertyGroup):
    """A file that is needed and not there."""

    path: bpy.props.StringProperty()
    message: bpy.props.StringProperty()


class FlsyncState(bpy.types.PropertyGroup):
    """The program at work, or how its last run ended."""

    running: bpy.props.BoolProperty()
    command: bpy.props.StringProperty(description="What runs, or ran: submit, sync, check or refresh")
    factor: bpy.props.FloatProperty(name="", min=0, max=1, subtype="FACTOR")
    status: bpy.props.StringProperty(description="What happens, or how it ended, for people")
    ok: bpy.props.BoolProperty(description="Whether the last run did all it was asked for")
    exit_code: bpy.props.IntProperty(description="The program's exit code")
    job_id: bpy.props.StringProperty()
    job_url: bpy.props.StringProperty()
    summary: bpy.props.StringProperty(description="The last run's summary, as JSON")
    missing: bpy.props.CollectionProperty(type=FlsyncMissing)
    uploading: bpy.props.BoolProperty(description="Whether files are sent in the background after a save")
    upload_status: bpy.props.StringProperty()


def project_of(scene: bpy.types.Scene, blend: str) -> str:
    """The folder that paths are kept under; "" leaves it to flsync, which takes the file's own."""
    if scene.flsync.project:
        return bpy.path.abspath(scene.flsync.project)
    project = preferences.get().project
    if not project:
        return ""
    project = bpy.path.abspath(project)
    try:
        inside = os.path.commonpath([os.path.realpath(project), os.path.realpath(blend)]) == os.path.realpath(project)
    except ValueError:  # another drive
        inside = False
    return project if inside else ""


_CLASSES = (FlsyncScene, FlsyncMissing, FlsyncState)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.flsync = bpy.props.PointerProperty(type=FlsyncScene)
    bpy.types.WindowManager.flsync = bpy.props.PointerProperty(type=FlsyncState)


def unregister() -> None:
    del bpy.types.WindowManager.flsync
    del bpy.types.Scene.flsync
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
