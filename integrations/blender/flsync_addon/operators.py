# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done, under names that other add-ons may rely on:

    bpy.ops.flsync.submit()   send what the open file needs and submit its job
    bpy.ops.flsync.sync()     send only, make no job
    bpy.ops.flsync.check()    find what is missing, and what else would spoil the render
    bpy.ops.flsync.cancel()   stop what is under way
    bpy.ops.flsync.refresh()  ask the Manager for its job types and worker tags
    bpy.ops.flsync.job()      pause, resume, cancel or requeue the job that was submitted last

In a window they return at once and `WindowManager.flsync` tells how it goes. In background mode, and with
`wait=True`, they return when it has ended; a failure is then a RuntimeError with the program's words.
"""

import json
import os
from typing import Any, Callable, Dict, List, Mapping, Optional, Set

import bpy

from . import activity, flsync, follow, handlers, jobtypes, preferences, properties, reveal


class _Runs:
    """Common to operators that start the program."""

    wait: bpy.props.BoolProperty(
        name="Wait", default=False, options={"SKIP_SAVE"},
        description="Return when it has ended, as in background mode",
    )
    is_invoked = False  # from a button or menu, not from Python

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if activity.current() is not None:
            cls.poll_message_set("flsync is at work; cancel that or wait for its end")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        self.is_invoked = True
        return self.execute(context)

    def start(self, command: str, run: Callable[[], flsync.Run], ended: Any = None, following: Any = None) -> Set[str]:
        """Starts a run, and in background mode waits for its end."""
        self.clear()
        try:
            begun = activity.Activity(command, run, ended, following)
        except flsync.NotInstalledError:
            return self.fail("There is no flsync program at %r. Choose it in Edit > Preferences > Add-ons > flsync; the file was not found"
                             % preferences.get().program)
        except (OSError, ValueError) as e:
            return self.fail(str(e))
        block = self.wait or bpy.app.background
        activity.begin(begun, block=block)
        if not block:
            return {"FINISHED"}
        for finding in begun.missing[:20] + begun.findings[:20]:
            self.report({"WARNING"}, ": ".join(t for t in (finding.code, finding.path, finding.message, finding.remedy) if t))
        if begun.ok:
            self.report({"INFO"}, begun.status())
            return {"FINISHED"}
        missing = ["missing: " + finding.path for finding in begun.missing[:20]]
        self.report({"ERROR"}, "\n".join(t for t in (begun.status(), begun.details(), *missing) if t))
        return {"CANCELLED"}

    def clear(self) -> None:
        """Forgets how the last run ended."""
        state = bpy.context.window_manager.flsync
        state.job_id = state.job_url = state.job_status = state.summary = state.details = ""
        state.missing.clear()
        state.findings.clear()

    def fail(self, message: str) -> Set[str]:
        """Ends the operator before the program was started."""
        self.clear()
        state = bpy.context.window_manager.flsync
        state.command = self.bl_idname.split(".")[-1].lower().replace("flsync_ot_", "")
        state.running, state.ok, state.exit_code, state.status, state.outcome = False, False, 2, message, "FAILED"
        activity.redraw()
        self.report({"ERROR"}, message)
        return {"CANCELLED"}

    def on_disk(self) -> str:
        """Returns the open file. Raises ValueError when it has never been saved."""
        if not bpy.data.filepath:
            raise ValueError("Save the file first: flsync sends what is on disk, and this file has no name yet")
        return bpy.data.filepath


def _job(scene: bpy.types.Scene, blend: str, job_type: str, given: Mapping[str, Any], job_name: str = "", project: str = "") -> Dict[str, Any]:
    """Returns what submit and check are told of a job: what is given, and the scene's fields for the rest. Raises ValueError."""
    known = jobtypes.find(job_type)
    return {
        "settings": known.values(scene, given, job_name) if known else given,
        "job_type": job_type,
        "project": bpy.path.abspath(project) if project else properties.project_of(scene, blend) or None,
        "scene": scene.name,
    }


def wants_save(given: Optional[bool], is_invoked: bool, background: bool, is_dirty: bool) -> bool:
    """Reports whether the file is saved before it is sent: as the caller says, or by how the operator was called."""
    if given is not None:
        return given
    return is_dirty if is_invoked else not background


class _Saves(_Runs):
    """Common to operators that send the open file."""

    save: bpy.props.BoolProperty(
        name="Save", default=True, options={"SKIP_SAVE"},
        description="Save the file first. Default: from the panel if it has changes, from Python always, in background mode never",
    )

    def saved(self) -> str:
        """Returns the open file, saved. Raises ValueError when it has never been, RuntimeError when it cannot be.

        Blender marks a file as changed only after an operator of people's: not for what a script has changed just now."""
        blend = self.on_disk()
        given = self.save if self.properties.is_property_set("save") else None
        if wants_save(given, self.is_invoked, bpy.app.background, bpy.data.is_dirty):
            with handlers.quiet():
                bpy.ops.wm.save_mainfile()
        return blend


class FLSYNC_OT_submit(_Saves, bpy.types.Operator):
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
            program = preferences.online("submit")
            arguments = self.arguments(context)  # before the save: it may find a mistake
            blend = self.saved()
        except (ValueError, RuntimeError) as e:
            return self.fail(_words(e))
        follow.stop()
        return self.start("submit", lambda: flsync.submit(blend, program=program, **arguments), follow.begin)

    def arguments(self, context: bpy.types.Context) -> Dict[str, Any]:
        """Returns what the operator was given, and the scene's fields for the rest. Raises ValueError."""
        blend = self.on_disk()
        scene = context.scene
        own = scene.flsync
        name = self.job_type or own.job_type_name
        given = json.loads(self.settings or "{}")
        if not isinstance(given, dict):
            raise ValueError("settings: a JSON object is wanted, such as {\"chunk_size\": 5}")
        arguments = _job(scene, blend, name, given, self.job_name, self.project)
        known = jobtypes.find(name)
        unfilled = known.unfilled(scene, arguments["settings"]) if known else []
        if unfilled:
            raise ValueError("Fill in %s" % " and ".join(unfilled))
        return {
            **arguments,
            "name": self.job_name or own.own_job_name,
            "priority": own.priority if self.priority < 0 else self.priority,
            "tag": self.tag or own.tag,
            "paused": self.paused or own.paused,
            "force": self.force,
            "dry_run": self.dry_run,
            "missing": "fail" if self.missing == "STOP" else "warn",
        }


def _words(e: Exception) -> str:
    """The message of what Blender's own operators raise, without its prefix."""
    return str(e).strip().replace("Error: ", "", 1)


class FLSYNC_OT_sync(_Saves, bpy.types.Operator):
    """Send what this file needs, or its whole project, to the farm's store. No job is made"""

    bl_idname = "flsync.sync"
    bl_label = "Send to Flamenco"

    whole: bpy.props.BoolProperty(name="Whole Project", description="Send all of the project folder", options={"SKIP_SAVE"})
    directory: bpy.props.StringProperty(name="Folder", description="Send this folder instead", subtype="DIR_PATH", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> Set[str]:
        try:
            program = preferences.online()
            if self.directory:
                folder = bpy.path.abspath(self.directory)
            else:
                blend = self.saved()
                project = properties.project_of(context.scene, blend)
                folder = project or bpy.path.abspath("//")
        except (ValueError, RuntimeError) as e:
            return self.fail(_words(e))
        if self.directory or self.whole:
            return self.start("sync", lambda: flsync.sync(folder, no_checkout=True, program=program))
        return self.start("sync", lambda: handlers.send(blend, project))


class FLSYNC_OT_check(_Runs, bpy.types.Operator):
    """Look for what would spoil the render: missing files, settings and more. The file on disk is looked at, nothing is saved or sent"""

    bl_idname = "flsync.check"
    bl_label = "Check"

    def execute(self, context: bpy.types.Context) -> Set[str]:
        try:
            blend, program = self.on_disk(), preferences.program()
            arguments = _job(context.scene, blend, context.scene.flsync.job_type_name, {})
        except ValueError as e:
            return self.fail(str(e))
        offline = ["--manager", "none"] if preferences.is_offline() else []

        def ended(done: activity.Activity) -> None:
            if bpy.data.is_dirty and not bpy.app.background:
                done.found["unsaved", ""] = activity.Finding(
                    "unsaved", "", "Unsaved changes are not looked at: the check reads the file on disk")

        return self.start("check", lambda: flsync.check(blend, args=offline, program=program, **arguments), ended)


class FLSYNC_OT_refresh(_Runs, bpy.types.Operator):
    """Ask the Manager for its job types and worker tags"""

    bl_idname = "flsync.refresh"
    bl_label = "Ask the Manager"

    def execute(self, context: bpy.types.Context) -> Set[str]:
        try:
            program = preferences.online()
        except ValueError as e:
            return self.fail(str(e))
        tags: List[str] = []

        def following(done: activity.Activity) -> Any:
            if done.run.command == "version" and done.exit_code == 0:  # it is flsync
                context.window_manager.flsync.version = str(done.objects[0].raw.get("version", ""))
                return lambda: program.start("tags list")
            if done.run.command == "tags list":  # which fails where an old Manager has none
                tags[:] = [str(e.raw["name"]) for e in done.objects]
                return lambda: program.start("jobs types")
            return None

        def ended(done: activity.Activity) -> None:
            if done.run.command == "jobs types" and done.ok:
                jobtypes.learn([e.raw for e in done.objects], tags)

        return self.start("refresh", lambda: program.start("version"), ended, following)


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


class FLSYNC_OT_job(bpy.types.Operator):
    """Change the job that was submitted last"""

    bl_idname = "flsync.job"
    bl_label = "Change the Job"

    action: bpy.props.EnumProperty(name="Action", options={"SKIP_SAVE"}, items=[
        ("pause", "Pause", "Start no more of the job's tasks"), ("resume", "Resume", "Go on with the paused job"),
        ("cancel", "Cancel", "Stop the job's tasks; what is rendered stays"), ("requeue", "Requeue", "Render the whole job again")])

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: Any) -> str:
        return cls.bl_rna.properties["action"].enum_items[properties.action].description

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(context.window_manager.flsync.job_id)

    def execute(self, context: bpy.types.Context) -> Set[str]:
        try:
            follow.ask(self.action)
        except (flsync.FlsyncError, OSError, ValueError) as e:
            self.report({"ERROR"}, str(e))
            return {"CANCELLED"}
        return {"FINISHED"}


class FLSYNC_OT_open_output(bpy.types.Operator):
    """Open the folder"""

    bl_idname = "flsync.open_output"
    bl_label = "Open the Folder"

    path: bpy.props.StringProperty(options={"SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: Any) -> str:
        return "Open the folder: " + properties.path

    def execute(self, _context: bpy.types.Context) -> Set[str]:
        folder = bpy.path.abspath(self.path)
        while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
            folder = os.path.dirname(folder)  # what the farm makes is not there yet
        return bpy.ops.wm.path_open(filepath=folder)


class FLSYNC_OT_finding(bpy.types.Operator):
    """Show what it is about"""

    bl_idname = "flsync.finding"
    bl_label = "Show What It Is About"

    code: bpy.props.StringProperty(options={"SKIP_SAVE"})
    path: bpy.props.StringProperty(options={"SKIP_SAVE"})
    message: bpy.props.StringProperty(options={"SKIP_SAVE"})
    remedy: bpy.props.StringProperty(options={"SKIP_SAVE"})
    block: bpy.props.StringProperty(options={"SKIP_SAVE"})
    library: bpy.props.StringProperty(options={"SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: Any) -> str:
        wanted = "wanted by " + reveal.name_of(properties.block) if properties.block else ""
        return "\n".join(t for t in (properties.path, wanted, properties.message, properties.remedy, "Click to show what it is about, and to copy the path") if t)

    def execute(self, context: bpy.types.Context) -> Set[str]:
        context.window_manager.clipboard = self.path or self.message
        shown = reveal.reveal(context, self.code, self.block, self.library)
        self.report({"INFO"}, (shown[:1].upper() + shown[1:] + ". " if shown else "") + "Copied: " + context.window_manager.clipboard)
        return {"FINISHED"}


_CLASSES = (FLSYNC_OT_submit, FLSYNC_OT_sync, FLSYNC_OT_check, FLSYNC_OT_refresh, FLSYNC_OT_cancel, FLSYNC_OT_open_job, FLSYNC_OT_job,
            FLSYNC_OT_open_output, FLSYNC_OT_finding)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
