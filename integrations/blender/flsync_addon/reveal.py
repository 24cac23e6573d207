# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows in Blender's own editors what a finding is about: the data-block that wants a file, or the tab of a setting."""

import os
from typing import Any, List, Optional

import bpy

# The collection of `bpy.data` and the name for people, by the two letters that a blend file has before a name.
_TYPES = {
    "AC": ("actions", "Action"), "AR": ("armatures", "Armature"), "CA": ("cameras", "Camera"), "CF": ("cache_files", "Cache File"),
    "CU": ("curves", "Curve"), "GR": ("collections", "Collection"), "IM": ("images", "Image"), "LA": ("lights", "Light"),
    "LI": ("libraries", "Library"), "MA": ("materials", "Material"), "MC": ("movieclips", "Movie Clip"), "ME": ("meshes", "Mesh"),
    "NT": ("node_groups", "Node Group"), "OB": ("objects", "Object"), "PA": ("particles", "Particle Settings"), "SC": ("scenes", "Scene"),
    "SO": ("sounds", "Sound"), "TE": ("textures", "Texture"), "TX": ("texts", "Text"), "VF": ("fonts", "Font"),
    "VO": ("volumes", "Volume"), "WO": ("worlds", "World"),
}

# The tab of the Properties editor that has the setting of a finding; the Output tab is where the panel is.
_TABS = {
    "few-samples": "RENDER", "simplify": "RENDER", "add-on-engine": "RENDER", "no-camera": "SCENE", "no-view-layer": "VIEW_LAYER",
}

# The editor that can show a data-block itself, and its field.
_EDITORS = {"images": ("IMAGE_EDITOR", "image"), "movieclips": ("CLIP_EDITOR", "clip"), "texts": ("TEXT_EDITOR", "text")}


def name_of(block: str) -> str:
    """Returns a data-block such as IMwood.png in words, "Image wood.png"; "" for ""."""
    return "%s %s" % (_TYPES.get(block[:2], ("", block[:2]))[1], block[2:]) if block else ""


def reveal(context: bpy.types.Context, code: str, block: str, library: str) -> str:
    """Shows what a finding is about, as far as the open editors can, and returns what is shown, for people; "" for nothing."""
    if not block:
        tab, space = _TABS.get(code), context.space_data
        if tab is None or getattr(space, "type", "") != "PROPERTIES":
            return ""
        space.context = tab
        return "the %s tab" % tab.replace("_", " ").title()
    kind = _TYPES.get(block[:2], ("", ""))[0]
    found = _find(kind, block[2:], library)
    if found is None:
        return ""
    shown = name_of(block)
    all_objects = set(context.view_layer.objects)
    users = [o for o in _objects(found) if o in all_objects]
    if users:
        for o in all_objects:
            o.select_set(o in users)  # what is hidden cannot be selected, and is named all the same
        context.view_layer.objects.active = users[0]
        names = [o.name for o in users]
        shown += ": selected %s" % ", ".join(names[:5]) + (" and %d more" % (len(names) - 5) if len(names) > 5 else "")
    areas = [a for w in context.window_manager.windows for a in w.screen.areas]
    editor, field = _EDITORS.get(kind, ("", ""))
    for area in areas:
        if area.type == editor:
            setattr(area.spaces.active, field, found)
            return shown
    for area in areas if not users else ():
        if area.type == "OUTLINER":
            area.spaces.active.display_mode = "LIBRARIES"  # Blender File: all data-blocks
            area.spaces.active.filter_text = found.name
            return shown + ": see the Outliner"
    return shown


def _find(kind: str, name: str, library: str) -> Optional[Any]:
    """Returns the data-block, of those with the same name the one from the library."""
    same = [b for b in getattr(bpy.data, kind, ()) if b.name == name]
    linked = (b for b in same if b.library and os.path.realpath(bpy.path.abspath(b.library.filepath)) == os.path.realpath(library))
    return next(linked, same[0] if same else None)


def _objects(block: Any) -> List[Any]:
    """Returns the objects that use a data-block, by whatever steps between them; of a library what comes from it."""
    if isinstance(block, bpy.types.Object):
        return [block]
    users = bpy.data.user_map()
    front = {b for b in users if b.library == block} if isinstance(block, bpy.types.Library) else {block}
    seen = set(front)
    while front:
        front = {u for b in front if not isinstance(b, (bpy.types.Object, bpy.types.Scene)) for u in users.get(b, ())} - seen
        seen |= front
    return sorted((b for b in seen if isinstance(b, bpy.types.Object)), key=lambda o: o.name)
