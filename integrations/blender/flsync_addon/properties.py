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


def _job_type_items(scene: "FlsyncScene", _context: object) -> List[Tuple[str, str, str, int]]:
    """The Manager's job types, and behind them the scene's own if the Manager lacks it."""
    global _items
    items = [(t.name, t.label, t.description, i) for i, t in enumerate(jobtypes.known())]
    if jobtypes.find(scene.job_type_name) is None:
        name = scene.job_type_name or jobtypes.USUAL
        items.append((name, name + " (not at this Manager)", "Ask the Manager again, or choose another job type", len(items)))
    _items = items
    return _items


def _job_type_at(scene: "FlsyncScene") -> int:
    found = jobtypes.find(scene.job_type_name)
    return len(jobtypes.known()) if found is None else list(jobtypes.known()).index(found)


def _choose_job_type(scene: "FlsyncScene", at: int) -> None:
    if at < len(jobtypes.known()):
        scene.job_type_name = jobtypes.known()[at].name


def _default_name() -> str:
    return os.path.splitext(os.path.basename(bpy.data.filepath))[0]


def _set_job_name(scene: "FlsyncScene", value: str) -> None:
    scene.own_job_name = "" if value == _default_name() else value


class FlsyncScene(bpy.types.PropertyGroup):
    """A scene's job. The type is kept by name, as its place in the list changes with the Manager."""

    job_type_name: bpy.props.StringProperty()
    job_type: bpy.props.EnumProperty(
        name="Job Type", description="What the farm is to do", items=_job_type_items, get=_job_type_at, set=_choose_job_type,
    )
    own_job_name: bpy.props.StringProperty(description="Empty: the file's name")
    job_name: bpy.props.StringProperty(
        name="Job Name", description="As the Manager shows it. Emptied, it is the file's name again",
        get=lambda self: self.own_job_name or _default_name(), set=_set_job_name,
    )
    project: bpy.props.StringProperty(
        name="Project", subtype="DIR_PATH",
        description="The folder that paths are kept under. Default: that of the preferences, or the file's own",
    )
    priority: bpy.props.IntProperty(name="Priority", default=50, min=0, max=100)
    tag: bpy.props.StringProperty(
        name="Worker Tag", description="Only workers of this tag, by name or id. Empty: all workers",
        search=lambda self, context, text: [t for t in jobtypes.tags() if text.lower() in t.lower()], search_options={"SUGGESTION"},
    )
    paused: bpy.props.BoolProperty(name="Submit Paused", default=False)


class FlsyncFinding(bpy.types.PropertyGroup):
    """A file that is needed and not there, or something else to know. The name is for lists."""

    code: bpy.props.StringProperty(description="What it is, such as missing-file or held-back")
    path: bpy.props.StringProperty()
    message: bpy.props.StringProperty()
    remedy: bpy.props.StringProperty(description="What to do about it")
    severity: bpy.props.StringProperty(description="warning or error")
    block: bpy.props.StringProperty(description="The data-block that wants the path, such as IMwood.png")
    library: bpy.props.StringProperty(description="The blend file that the data-block is linked from")


class FlsyncState(bpy.types.PropertyGroup):
    """The program at work, or how its last run ended."""

    running: bpy.props.BoolProperty()
    version: bpy.props.StringProperty(description="The program's, once the Manager was asked")
    command: bpy.props.StringProperty(description="What runs, or ran: submit, sync, check or refresh")
    factor: bpy.props.FloatProperty(name="", min=0, max=1, subtype="FACTOR")
    status: bpy.props.StringProperty(description="What happens, or how it ended, for people")
    ok: bpy.props.BoolProperty(description="Whether the last run did all it was asked for")
    outcome: bpy.props.StringProperty(description="OK, WARNING (done, with something to know), STOPPED or FAILED")
    details: bpy.props.StringProperty(description="The program's own words after a failure")
    exit_code: bpy.props.IntProperty(description="The program's exit code")
    job_id: bpy.props.StringProperty()
    job_url: bpy.props.StringProperty()
    job_status: bpy.props.StringProperty(description="The job's status at the Manager when it was last looked at")
    job_progress: bpy.props.FloatProperty(name="", min=0, max=1, subtype="FACTOR", description="How many of the job's steps are done")
    summary: bpy.props.StringProperty(description="The last run's summary, as JSON")
    missing: bpy.props.CollectionProperty(type=FlsyncFinding)
    missing_at: bpy.props.IntProperty()
    findings: bpy.props.CollectionProperty(type=FlsyncFinding)
    findings_at: bpy.props.IntProperty()
    uploading: bpy.props.BoolProperty(description="Whether files are sent in the background after a save")
    upload_status: bpy.props.StringProperty()


def project_of(scene: bpy.types.Scene, blend: str) -> str:
    """Returns the folder that paths are kept under; "" leaves it to flsync, which takes the file's own."""
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


_CLASSES = (FlsyncScene, FlsyncFinding, FlsyncState)


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
