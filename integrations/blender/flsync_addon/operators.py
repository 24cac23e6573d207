# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done, under names that other add-ons may rely on:

    bpy.ops.flsync.submit()   send what the open file needs and submit its job
    bpy.ops.flsync.sync()     send only, make no job
    bpy.ops.flsync.check()    find what is missing
    bpy.ops.flsync.cancel()   stop what is under way
    bpy.ops.flsync.refresh()  ask the Manager for its job types

In a window they return at once and `WindowManager.flsync` tells how it goes. In background mode, and with
`wait=True`, they return when it has ended; a failure is then a RuntimeError with the program's words.
"""

import json
from typing import Any, Callable, Dict, Set

import bpy

from . import activity, flsync, handlers, jobtypes, preferences, properties


class _Runs:
    """Common to operators that start the program."""

    wait: bpy.props.BoolProperty(
        name="Wait", default=False, options={"SKIP_SAVE"},
        description="Return when it has ended, as in background mode",
    )
    save: bpy.props.BoolProperty(
        name="Save", default=True, options={"SKIP_SAVE"},
        description="Save the file first if it has changes; in background mode, where Blender does not tell, always",
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if activity.current() is not None:
            cls.poll_message_set("flsync is at work; cancel that or wait for its end")
            return False
        return True

    def start(self, command: str, run: Callable[[], flsync.Run], ended: Any = None) -> Set[str]:
        """Starts a run, and in background mode waits for its end."""
        state = bpy.context.window_manager.flsync
        state.job_id = state.job_url = state.summary = ""
        state.missing.clear()
        try:
            begun = activity.Activity(command, run(), ended)
        except (flsync.NotInstalledError, OSError, ValueError) as e:
            state.ok, state.status = False, str(e)
            return self.fail(str(e))
        block = self.wait or bpy.app.background
        activity.begin(begun, block=block)
        if not block:
            return {"FINISHED"}
        for warning in begun.warnings[:20]:
            self.report({"WARNING"}, warning)
        if begun.ok:
            self.report({"INFO"}, begun.status())
            return {"FINISHED"}
        return self.fail("\n".join([begun.status(), *("missing: " + path for path in list(begun.missing)[:20])]))

    def fail(self, message: str) -> Set[str]:
        self.report({"ERROR"}, message)
        return {"CANCELLED"}

    def saved(self) -> str:
        """The open file, saved; raises ValueError when it has never been."""
        if not bpy.data.filepath:
            raise ValueError("Save the file first: flsync sends what is on disk, and this file has no name yet")
        if self.save and (bpy.data.is_dirty or bpy.app.background):
            with handlers.quiet():
                bpy.ops.wm.save_mainfile()
        return bpy.data.filepath


class FLSYNC_OT_submit(_Runs, bpy.types.Operator):
    """Send what this file needs to the farm and submit its job"""

    bl_idname = "flsync.submit"
    bl_label = "Submit to Flamenco"

    job_type: bpy.props.StringProperty(name="Job Type", description="Default: the scene's", options={"SKIP_SAVE"})
    settings: bpy.props.StringProperty(
        name="Settings", description="A JSON object; its values go before those of the scene's fields", options={"SKIP_SAVE"})
    job_name: bpy.props.StringProperty(name="Job Name", description="Default: the scene's", options={"SKIP_SAVE"})
    project: bpy.props.StringProperty(name="Project", description="Default: the scene's", subtype="DIR_PATH", options={"SKIP_SAVE"})
    priority: bpy.props.IntProperty(name="Priority", description="Default (-1): the scene's", default=-1, min=-1, max=100, options={"SKIP_SAVE"})
    tag: bpy.props.StringProperty(name="Worker Tag", description="Default: the scene's", options={"SKIP_SAVE"})
    paused: bpy.props.BoolProperty(name="Paused", options={"SKIP_SAVE"})
    force: bpy.props.BoolProperty(name="Force", description="Submit again what is there already", options={"SKIP_SAVE"})
    dry_run: bpy.props.BoolProperty(name="Dry Run", description="Only say what would be done", options={"SKIP_SAVE"})
    missing: bpy.props.EnumProperty(
        name="Missing Files", default="STOP", options={"SKIP_SAVE"},
        items=[("STOP", "Stop", "Send nothing, and list what is missing"), ("SEND", "Send", "Submit without them")])

    def execute(self, context: bpy.types.Context) -> Set[str]:
        try:
            blend = self.saved()
            arguments = self.arguments(context, blend)
        except (ValueError, RuntimeError) as e:
            return self.fail(str(e))
        return self.start("submit", lambda: flsync.submit(blend, program=preferences.program(), **arguments))

    def arguments(self, context: bpy.types.Context, blend: str) -> Dict[str, Any]:
        scene = context.scene
        own = scene.flsync
        name = self.job_type or own.job_type_name
        known = jobtypes.find(name)
        settings = known.values(scene) if known else {}
        given = json.loads(self.settings or "{}")
        if not isinstance(given, dict):
            raise ValueError("settings: a JSON object is wanted, such as {\"chunk_size\": 5}")
        settings.update(given)
        return {
            "settings": settings,
            "job_type": name,
            "name": self.job_name or own.job_name,
            "project": bpy.path.abspath(self.project) if self.project else properties.project_of(scene, blend) or None,
            "scene": scene.name,
            "priority": own.priority if self.priority < 0 else self.priority,
            "tag": self.tag or own.tag,
            "paused": self.paused or own.paused,
            "force": self.force,
            "dry_run": self.dry_run,
            "missing": "fail" if self.missing == "STOP" else "warn",
        }


class FLSYNC_OT_sync(_Runs, bpy.types.Operator):
    """Send what this file needs, or its whole project, to the farm's store. No job is made"""

    bl_idname = "flsync.sync"
    bl_label = "Send to Flamenco"

    whole: bpy.props.BoolProperty(name="Whole Project", description="Send all of the project folder", options={"SKIP_SAVE"})
    directory: bpy.props.StringProperty(name="Folder", description="Send this folder instead", subtype="DIR_PATH", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> Set[str]:
        if self.directory:
            folder = bpy.path.abspath(self.directory)
            return self.start("sync", lambda: flsync.sync(folder, no_checkout=True, program=preferences.program()))
        try:
            blend = self.saved()
        except (ValueError, RuntimeError) as e:
            return self.fail(str(e))
        project = properties.project_of(context.scene, blend)
        if not self.whole:
            return self.start("sync", lambda: handlers.send(blend, project))
        folder = project or bpy.path.abspath("//")
        return self.start("sync", lambda: flsync.sync(folder, no_checkout=True, program=preferences.program()))


class FLSYNC_OT_check(_Runs, bpy.types.Operator):
    """List the files that this file needs and that are not there"""

    bl_idname = "flsync.check"
    bl_label = "Check for Missing Files"

    def execute(self, _context: bpy.types.Context) -> Set[str]:
        try:
            blend = self.saved()
        except (ValueError, RuntimeError) as e:
            return self.fail(str(e))
        return self.start("check", lambda: flsync.deps(blend, missing=True, program=preferences.program()))


class FLSYNC_OT_refresh(_Runs, bpy.types.Operator):
    """Ask the Manager for its job types"""

    bl_idname = "flsync.refresh"
    bl_label = "Refresh Job Types"

    def execute(self, _context: bpy.types.Context) -> Set[str]:
        def ended(done: activity.Activity) -> None:
            if done.ok:
                jobtypes.learn([e.raw for e in done.objects])

        return self.start("refresh", lambda: flsync.job_types(program=preferences.program()), ended)


class FLSYNC_OT_cancel(bpy.types.Operator):
    """Stop what is under way. What was sent stays with the Manager, and is not sent again"""

    bl_idname = "flsync.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return activity.current(activity.WORK) is not None or activity.current(activity.UPLOAD) is not None

    def execute(self, _context: bpy.types.Context) -> Set[str]:
        under_way = activity.current(activity.WORK) or activity.current(activity.UPLOAD)
        if under_way is not None:
            under_way.cancel()
            activity.show()
        return {"FINISHED"}


class FLSYNC_OT_open_job(bpy.types.Operator):
    """Show the job in the Manager's own pages"""

    bl_idname = "flsync.open_job"
    bl_label = "Show the Job"

    def execute(self, context: bpy.types.Context) -> Set[str]:
        return bpy.ops.wm.url_open(url=context.window_manager.flsync.job_url)


_CLASSES = (FLSYNC_OT_submit, FLSYNC_OT_sync, FLSYNC_OT_check, FLSYNC_OT_refresh, FLSYNC_OT_cancel, FLSYNC_OT_open_job)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
