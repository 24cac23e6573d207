# SPDX-License-Identifier: GPL-3.0-or-later
"""What is the same for all files: the program, the Manager, and what happens after a save."""

import os
import re
from typing import Any, List

import bpy

from . import flsync

# The flags that every command of flsync has, without --verbose, which excludes the --quiet of each run.
_EVERYWHERE = {"--cache", "--config", "--header", "--header-file", "--manager", "--quiet", "-q"}


class FlsyncPreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    program: bpy.props.StringProperty(
        name="Program", subtype="FILE_PATH", default="flsync",
        description="The flsync program: a name that is on the PATH, or a file",
    )
    manager: bpy.props.StringProperty(
        name="Manager",
        description="URL of the Flamenco Manager, or a name from flsync's configuration file. "
        "Empty: what that file or the environment says",
    )
    arguments: bpy.props.StringProperty(
        name="Flags of Every Run", description="Flags for every run of flsync, such as --config FILE or --header-file FILE",
    )
    submit_arguments: bpy.props.StringProperty(
        name="Flags of Submit", description="Flags for submissions and uploads after a save, such as --limit-upload RATE or --exclude GLOB",
    )
    use_offline: bpy.props.BoolProperty(
        name="The Farm Is in My Own Network", default=False,
        description="Talk to the Manager also while Blender is not allowed to go online",
    )
    project: bpy.props.StringProperty(
        name="Project", subtype="DIR_PATH",
        description="The folder that paths are kept under, for files in it. A scene may name another one",
    )
    upload_after_save: bpy.props.BoolProperty(
        name="Upload After Each Save", default=False,
        description="Hash and send in the background what the saved file needs, so that a submission has little left to send",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        for name in ("program", "manager", "arguments", "submit_arguments", "project", "upload_after_save"):
            layout.prop(self, name)
        if hasattr(bpy.app, "online_access"):
            layout.prop(self, "use_offline")
        layout.operator("flsync.refresh", text="Ask the Manager for Its Job Types", icon="FILE_REFRESH")
        state = context.window_manager.flsync
        if state.status:
            layout.label(text=state.status, icon="NONE" if state.running or state.ok else "ERROR")
        if state.version:
            row = layout.row()
            row.alert = differs(state.version)
            row.label(text="flsync %s, add-on %s%s" % (
                state.version, flsync.__version__, ": they are of different releases" if row.alert else ""))


def get() -> Any:
    """Returns the preferences."""
    return bpy.context.preferences.addons[__package__].preferences


def differs(version: str) -> bool:
    """Reports whether the program is of another release than the add-on. Builds between releases are of none."""
    return bool(re.fullmatch(r"v?\d+\.\d+\.\d+", version)) and version.lstrip("v") != flsync.__version__


def program(command: str = "") -> flsync.Program:
    """Returns the program as the preferences have it, with the flags of a command: "submit", or "" for all others.

    Raises ValueError for flags that are wrong."""
    p = get()
    for flag in _flags(p.arguments, "Flags of Every Run"):
        if flag.startswith("-") and flag.split("=")[0] not in _EVERYWHERE:
            raise ValueError("%s is no flag of every run of flsync: write it under Flags of Submit in the add-on's preferences" % flag)
    flags = _flags(p.arguments, "Flags of Every Run")
    if command == "submit":
        flags += _flags(p.submit_arguments, "Flags of Submit")
    return flsync.Program(path=_path(p.program), manager=p.manager.strip(), args=flags)


def online(command: str = "") -> flsync.Program:
    """Returns the program for what talks to the Manager. Raises ValueError as `program` does, and while Blender is not
    allowed to go online."""
    if is_offline():
        raise ValueError(
            "Blender is not allowed to go online. Allow it in Preferences > System > Network (or with --online-mode), or tick "
            "\"The Farm Is in My Own Network\" in the add-on's preferences")
    return program(command)


def is_offline() -> bool:
    """Reports whether Blender 4.2 or later forbids add-ons the network."""
    return not getattr(bpy.app, "online_access", True) and not get().use_offline


def _flags(text: str, field: str) -> List[str]:
    try:
        return flsync.split_flags(text)
    except ValueError as e:
        raise ValueError("%s in the add-on's preferences: %s" % (field, e)) from e


def _path(given: str) -> str:
    """Returns the program: the given file, or for the bare name the one in the add-on's own folder, if it is there."""
    bundled = os.path.join(os.path.dirname(__file__), "bin", "flsync.exe" if os.name == "nt" else "flsync")
    if given != "flsync" or not os.path.isfile(bundled):
        return bpy.path.abspath(given)
    if not os.access(bundled, os.X_OK):  # Blender unpacks extensions without modes
        os.chmod(bundled, 0o755)
    return bundled


def register() -> None:
    bpy.utils.register_class(FlsyncPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(FlsyncPreferences)
