# SPDX-License-Identifier: GPL-3.0-or-later
"""What is the same for all files: the program, the Manager, and what happens after a save."""

from typing import Any

import bpy

from . import flsync


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
        name="More Flags", description="Flags for every run of flsync, such as --config FILE or --header-file FILE",
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
        for name in ("program", "manager", "arguments", "project", "upload_after_save"):
            layout.prop(self, name)
        layout.operator("flsync.refresh", text="Ask the Manager for Its Job Types", icon="FILE_REFRESH")
        layout.label(text=context.window_manager.flsync.status)


def get() -> Any:
    """The preferences."""
    return bpy.context.preferences.addons[__package__].preferences


def program() -> flsync.Program:
    """The program as the preferences have it. Raises ValueError for flags that cannot be split."""
    p = get()
    return flsync.Program(path=bpy.path.abspath(p.program), manager=p.manager.strip(), args=flsync.split_flags(p.arguments))


def register() -> None:
    bpy.utils.register_class(FlsyncPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(FlsyncPreferences)
