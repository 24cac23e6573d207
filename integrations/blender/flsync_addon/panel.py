# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel in the Output properties, and the entry in the Render menu."""

import os
import textwrap
from typing import Any

import bpy

from . import activity, follow, jobtypes, preferences, reveal

_ICONS = {"OK": "CHECKMARK", "WARNING": "INFO", "STOPPED": "CANCEL", "FAILED": "ERROR"}


class FLSYNC_UL_findings(bpy.types.UIList):
    """Missing files, or other findings: the name first, and all of it in the tooltip."""

    def draw_item(self, _context: Any, layout: Any, _data: Any, item: Any, _icon: Any, _active: Any, _property: Any, *_: Any) -> None:
        row = layout.row(align=True)
        row.alignment = "LEFT"
        missing = item.code == activity.MISSING
        is_file = missing or item.code == "held-back"
        row.alert = item.severity == "error" and not missing
        icon = "LIBRARY_DATA_BROKEN" if missing else "ERROR" if item.severity == "error" else "INFO"
        name = row.operator("flsync.finding", text=item.name if is_file else item.message, icon=icon, emboss=False)
        for key in ("code", "path", "message", "remedy", "block", "library"):
            setattr(name, key, getattr(item, key))
        if is_file:
            folder = row.row()
            folder.active = False
            folder.label(text=reveal.name_of(item.block) or os.path.dirname(item.path))


class FLSYNC_PT_submit(bpy.types.Panel):
    bl_label = "Flamenco (flsync)"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "output"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        scene, state = context.scene, context.window_manager.flsync

        if preferences.is_offline():
            layout.label(text="Blender is not allowed to go online", icon="INTERNET_OFFLINE" if _has_icon("INTERNET_OFFLINE") else "ERROR")
            layout.prop(preferences.get(), "use_offline")
        known = jobtypes.known()
        if known:
            self.draw_job(layout, scene, state)
        elif not state.running:
            _text(context, layout, "The farm's Manager says which jobs there are and what they need to know.", "INFO")
            layout.operator("flsync.refresh", icon="FILE_REFRESH")

        layout.separator()
        if state.running:
            _progress(context, layout, state)
        else:
            row = layout.row(align=True)
            row.operator("flsync.check", icon="VIEWZOOM")
            submit = row.row(align=True)
            submit.enabled = jobtypes.find(scene.flsync.job_type_name) is not None
            submit.operator("flsync.submit", text="Submit", icon="RENDER_ANIMATION")
            _ending(context, layout, state)
        _after_save(context, layout, state)

    def draw_job(self, layout: bpy.types.UILayout, scene: bpy.types.Scene, state: Any) -> None:
        """The fields of the job."""
        known = jobtypes.find(scene.flsync.job_type_name)
        row = layout.row(align=True)
        row.alert = known is None
        row.prop(scene.flsync, "job_type")
        row.operator("flsync.refresh", text="", icon="FILE_REFRESH")
        fields = layout.column()
        fields.enabled = not state.running
        for name in ("job_name", "project", "priority", "tag", "paused"):
            fields.prop(scene.flsync, name)
        if known is not None:
            _settings(fields, known, scene)


def _has_icon(name: str) -> bool:
    return name in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items


def _settings(layout: bpy.types.UILayout, job_type: jobtypes.JobType, scene: bpy.types.Scene) -> None:
    """A field for each setting. One that follows the scene shows its value, and has a switch for a value of its own."""
    group = jobtypes.fields_of(scene, job_type)
    live = job_type.live(scene)
    layout.separator()
    for s in job_type.settings:
        row = layout.row(align=True)
        if not s.follows or s.editable and getattr(group, s.override):
            row.alert = s.required and getattr(group, s.attribute) == ""
            row.enabled = s.editable
            row.prop(group, s.attribute)
        else:
            split = row.split(factor=0.4)
            name = split.row()
            name.alignment = "RIGHT"
            name.label(text=s.label)
            value = split.row(align=True)
            text = str(live[s.key]) if s.key in live else "known when it is submitted"
            label = value.row()
            label.active = False
            label.label(text="%s (%s)" % (text, s.source) if s.source else text)
            if s.key in live and s.raw.get("subtype") in ("file_path", "dir_path"):
                value.operator("flsync.open_output", text="", icon="FILE_FOLDER").path = text
        if s.follows and s.editable:
            row.prop(group, s.override, text="", icon="SCENE_DATA" if not getattr(group, s.override) else "GREASEPENCIL")


def _progress(context: bpy.types.Context, layout: bpy.types.UILayout, state: Any) -> None:
    """The text on lines of its own, which are wide enough in all versions, and the bar below."""
    column = layout.column(align=True)
    _text(context, column, state.status, "NONE")
    row = column.row(align=True)
    row.use_property_split = False
    if hasattr(layout, "progress"):  # Blender 4.0
        row.progress(factor=state.factor, text="%d %%" % int(100 * state.factor))
    else:
        row.prop(state, "factor", text="", slider=True)
    row.operator("flsync.cancel", text="", icon="X")


def _text(context: bpy.types.Context, layout: bpy.types.UILayout, text: str, icon: str) -> None:
    """Text over as many lines as it needs."""
    width = max(20, int(context.region.width / (6.5 * context.preferences.system.ui_scale)) - 4)
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, width)]
    column = layout.column(align=True)
    for i, line in enumerate(lines[:12]):
        column.label(text=line, icon="BLANK1" if i and icon != "NONE" else icon)


def _ending(context: bpy.types.Context, layout: bpy.types.UILayout, state: Any) -> None:
    """How the last run ended, what is to be known of it, and what can be done next."""
    if state.status:
        column = layout.column(align=True)
        column.alert = state.outcome == "FAILED"
        _text(context, column, state.status, _ICONS.get(state.outcome, "NONE"))
    if state.missing:
        row = layout.row(align=True)
        row.operator("file.find_missing_files", text="Find Missing Files…", icon="FILEBROWSER")
        if state.command == "submit" and not state.ok:
            row.operator("flsync.submit", text="Submit Without Them").missing = "SEND"
        layout.template_list("FLSYNC_UL_findings", "missing", state, "missing", state, "missing_at", rows=4, maxrows=8)
    if state.findings:
        layout.template_list("FLSYNC_UL_findings", "findings", state, "findings", state, "findings_at", rows=3, maxrows=8)
        if state.findings_at < len(state.findings):
            chosen = state.findings[state.findings_at]
            _text(context, layout, ". ".join(t for t in (chosen.message, chosen.remedy) if t), "NONE")
    if state.job_id:
        _job(layout, state)


def _job(layout: bpy.types.UILayout, state: Any) -> None:
    """The job at the farm."""
    box = layout.box()
    text = "At the farm: " + state.job_status
    box.label(text=text + (", %d %%" % (100 * state.job_progress) if state.job_progress else ""), icon="RENDER_ANIMATION")
    if follow.picture():
        box.template_icon(icon_value=follow.picture(), scale=6)
    row = box.row(align=True)
    row.operator("flsync.open_job", text="Show", icon="URL")
    if state.job_status in ("paused", "pause-requested"):
        row.operator("flsync.job", text="Resume").action = "resume"
    elif state.job_status in ("active", "queued", "requeueing", "under-construction"):
        row.operator("flsync.job", text="Pause").action = "pause"
    if state.job_status not in ("completed", "canceled", "cancel-requested", "failed"):
        row.operator("flsync.job", text="Cancel").action = "cancel"
    box.operator("flsync.submit", text="Submit Again").force = True


def _after_save(context: bpy.types.Context, layout: bpy.types.UILayout, state: Any) -> None:
    layout.prop(preferences.get(), "upload_after_save")
    if state.upload_status:
        column = layout.column(align=True)
        _text(context, column, "Last save: " + state.upload_status.splitlines()[0], "NONE")
        if state.uploading and not state.running:
            column.operator("flsync.cancel", icon="X")


def _menu(self: Any, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("flsync.submit", icon="RENDER_ANIMATION")


def register() -> None:
    bpy.utils.register_class(FLSYNC_UL_findings)
    bpy.utils.register_class(FLSYNC_PT_submit)
    bpy.types.TOPBAR_MT_render.append(_menu)


def unregister() -> None:
    bpy.types.TOPBAR_MT_render.remove(_menu)
    bpy.utils.unregister_class(FLSYNC_PT_submit)
    bpy.utils.unregister_class(FLSYNC_UL_findings)
