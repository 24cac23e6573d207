# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel in the Output properties."""

import textwrap
from typing import Any

import bpy

from . import jobtypes, preferences

_LIST = 10  # missing files that are shown; the rest is counted


class FLSYNC_PT_submit(bpy.types.Panel):
    bl_label = "Flamenco (flsync)"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "output"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        scene, state = context.scene, context.window_manager.flsync

        row = layout.row(align=True)
        row.prop(scene.flsync, "job_type")
        row.operator("flsync.refresh", text="", icon="FILE_REFRESH")
        fields = layout.column()
        fields.enabled = not state.running
        for name in ("job_name", "project", "priority", "tag", "paused"):
            fields.prop(scene.flsync, name)
        known = jobtypes.find(scene.flsync.job_type_name)
        if known is not None:
            _settings(fields, known, scene)

        layout.separator()
        if state.running:
            _progress(layout, state)
        else:
            row = layout.row(align=True)
            row.operator("flsync.check", text="Check", icon="VIEWZOOM")
            row.operator("flsync.submit", text="Submit", icon="RENDER_ANIMATION")
            _ending(context, layout, state)
        _after_save(layout, state)


def _settings(layout: bpy.types.UILayout, job_type: jobtypes.JobType, scene: bpy.types.Scene) -> None:
    """A field for each setting; one that follows the scene says so, and has a switch for a value of its own."""
    group = jobtypes.fields_of(scene, job_type)
    layout.separator()
    for s in job_type.settings:
        if not s.follows:
            row = layout.row()
            row.enabled = s.editable
            row.prop(group, s.attribute)
            continue
        row = layout.row(align=True)
        if s.editable and getattr(group, s.override):
            row.prop(group, s.attribute)
        else:
            split = row.split(factor=0.4)
            name = split.row()
            name.alignment = "RIGHT"
            name.label(text=s.label)
            value = split.row()
            value.active = False
            value.label(text=s.source)
        if s.editable:
            row.prop(group, s.override, text="", icon="SCENE_DATA" if not getattr(group, s.override) else "GREASEPENCIL")


def _progress(layout: bpy.types.UILayout, state: Any) -> None:
    row = layout.row(align=True)
    if hasattr(layout, "progress"):  # Blender 4.0
        row.progress(factor=state.factor, text=state.status)
    else:
        row.prop(state, "factor", text=state.status, slider=True)
    row.operator("flsync.cancel", text="", icon="X")


def _ending(context: bpy.types.Context, layout: bpy.types.UILayout, state: Any) -> None:
    """How the last run ended, what is missing, and the way to the job."""
    if state.status:
        width = max(20, context.region.width // 7)
        lines = [part for line in state.status.splitlines() for part in textwrap.wrap(line, width)]
        column = layout.column(align=True)
        column.alert = not state.ok
        for i, line in enumerate(lines[:12]):
            column.label(text=line, icon="NONE" if i else "CHECKMARK" if state.ok else "ERROR")
    if state.missing:
        box = layout.box()
        for item in state.missing[:_LIST]:
            column = box.column(align=True)
            column.label(text=item.path, icon="LIBRARY_DATA_BROKEN")
            column.label(text=item.message, icon="BLANK1")
        if len(state.missing) > _LIST:
            box.label(text="… and %d more" % (len(state.missing) - _LIST))
        if state.command == "submit":
            box.operator("flsync.submit", text="Submit Without Them").missing = "SEND"
    if state.job_url:
        layout.operator("flsync.open_job", icon="URL")


def _after_save(layout: bpy.types.UILayout, state: Any) -> None:
    layout.prop(preferences.get(), "upload_after_save")
    if state.upload_status:
        row = layout.row(align=True)
        row.label(text="After the save: " + state.upload_status.splitlines()[0])
        if state.uploading and not state.running:
            row.operator("flsync.cancel", text="", icon="X")


def register() -> None:
    bpy.utils.register_class(FLSYNC_PT_submit)


def unregister() -> None:
    bpy.utils.unregister_class(FLSYNC_PT_submit)
