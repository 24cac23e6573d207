# SPDX-License-Identifier: GPL-3.0-or-later
"""The Manager's job types, and their settings as fields of a scene.

For each job type a property group is made, and `Scene.flsync_settings` has one of each, so that a scene
keeps its values when another type is looked at. What the Manager said last is kept in a file: after a restart
the fields are there before anybody asked it.
"""

import json
import os
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence

import bpy

# Where a setting may be seen; one that does not say so is seen everywhere.
_SHOWN = ("visible", "submission")

_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1


class Setting:
    """A setting that people see when they submit."""

    def __init__(self, raw: Mapping[str, Any], attribute: str):
        self.raw = raw
        self.key: str = raw["key"]
        self.label: str = raw.get("label") or self.key.replace("_", " ").title()
        self.follows = bool(raw.get("eval"))  # the scene, unless overridden
        self.source: str = (raw.get("evalInfo") or {}).get("description") or "from the scene"
        self.editable: bool = raw.get("editable", True) is not False
        self.attribute = attribute
        self.override = "own_" + attribute

    def property(self) -> Any:
        """The field."""
        raw, kind = self.raw, self.raw.get("type", "string")
        options: Dict[str, Any] = {"name": self.label, "description": raw.get("description", "")}
        default = raw.get("default")
        choices = [str(c) for c in raw.get("choices") or ()]
        if choices:
            if default is not None and str(default) in choices:
                options["default"] = str(default)
            return bpy.props.EnumProperty(items=[(c, c, "") for c in choices], **options)
        if kind == "bool":
            return bpy.props.BoolProperty(default=bool(default), **options)
        if kind == "int32":
            options.update(_limits(raw, lambda v: max(_INT_MIN, min(_INT_MAX, int(v)))))
            return bpy.props.IntProperty(default=int(default or 0), **options)
        if kind == "float":
            options.update(_limits(raw, float))
            return bpy.props.FloatProperty(default=float(default or 0), **options)
        subtypes = {"dir_path": "DIR_PATH", "file_path": "FILE_PATH", "hashed_file_path": "FILE_PATH"}
        subtype = subtypes.get(raw.get("subtype", ""), "NONE")
        return bpy.props.StringProperty(default=str(default or ""), subtype=subtype, **options)


def _limits(raw: Mapping[str, Any], convert: Any) -> Dict[str, Any]:
    """The limits of a number; other hints of the job type are for another program's window."""
    given = raw.get("propargs") or {}
    return {k: convert(given[k]) for k in ("min", "max", "soft_min", "soft_max") if isinstance(given.get(k), (int, float))}


class JobType:
    """A job type as the Manager describes it."""

    def __init__(self, raw: Mapping[str, Any], attribute: str):
        self.raw = raw
        self.name: str = raw["name"]
        self.label: str = raw.get("label") or self.name
        self.description: str = raw.get("description") or ""
        self.attribute = attribute
        self.settings: List[Setting] = []
        taken: set = set()
        for s in raw.get("settings") or ():
            if s.get("visible", "visible") in _SHOWN:
                self.settings.append(Setting(s, _identifier(s["key"], taken)))

    def group(self) -> type:
        """A property group with a field for each setting, and a switch for each that follows the scene."""
        fields: Dict[str, Any] = {}
        for s in self.settings:
            fields[s.attribute] = s.property()
            if s.follows:
                fields[s.override] = bpy.props.BoolProperty(
                    name="Own Value", description="Take this value instead of the scene's", default=False)
        return type("FlsyncJob_" + self.attribute, (bpy.types.PropertyGroup,), {"__annotations__": fields})

    def values(self, scene: bpy.types.Scene) -> Dict[str, Any]:
        """The scene's values, without those that follow from it and texts that nobody filled in."""
        group = fields_of(scene, self)
        values: Dict[str, Any] = {}
        for s in self.settings:
            if s.follows and not (s.editable and getattr(group, s.override)):
                continue
            value = getattr(group, s.attribute)
            if value != "" or s.raw.get("default"):
                values[s.key] = _number(value) if isinstance(value, float) else value
        return values


def _number(value: float) -> float:
    """A float as people wrote it: Blender keeps 32 bits, in which 0.1 is 0.10000000149."""
    return float("%.7g" % value)


def _identifier(name: str, taken: set) -> str:
    """name as a property may be called: letters, digits and _, not longer than 40, and unique."""
    base = "s_" + re.sub(r"[^A-Za-z0-9_]", "_", name)[:40]
    unique, n = base, 2
    while unique in taken:
        unique, n = "%s_%d" % (base, n), n + 1
    taken.add(unique)
    return unique


# --- Those that the Manager has ----------------------------------------------------------------------

_known: List[JobType] = []
_registered: List[type] = []


def known() -> Sequence[JobType]:
    """The job types that the Manager had when it was last asked."""
    return _known


def find(name: str) -> Optional[JobType]:
    """The job type of a name; for "" the usual one, as flsync takes it."""
    name = name or "simple-blender-render"
    return next((t for t in _known if t.name == name), None)


def index(name: str) -> int:
    found = find(name)
    return _known.index(found) if found else 0


def name_at(at: int) -> str:
    return _known[at].name if at < len(_known) else ""


def fields_of(scene: bpy.types.Scene, job_type: JobType) -> Any:
    """The property group of a job type in a scene."""
    return getattr(scene.flsync_settings, job_type.attribute)


def learn(raw: Sequence[Mapping[str, Any]], keep: bool = True) -> None:
    """Makes fields of what the Manager said, in place of those before. Scenes keep their values."""
    taken: set = set()
    types = sorted((JobType(t, _identifier(t["name"], taken)) for t in raw), key=lambda t: t.label)
    groups = {t.attribute: t.group() for t in types}
    _forget()
    for group in groups.values():
        bpy.utils.register_class(group)
        _registered.append(group)
    fields = {attribute: bpy.props.PointerProperty(type=group) for attribute, group in groups.items()}
    root = type("FlsyncJobs", (bpy.types.PropertyGroup,), {"__annotations__": fields})
    bpy.utils.register_class(root)
    _registered.append(root)
    bpy.types.Scene.flsync_settings = bpy.props.PointerProperty(type=root)
    _known[:] = types
    if keep:
        path = _file()
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(list(raw), f)
        os.replace(path + ".new", path)


def _forget() -> None:
    if _registered:
        del bpy.types.Scene.flsync_settings
    while _registered:
        bpy.utils.unregister_class(_registered.pop())
    _known.clear()


def _file() -> str:
    """Where job types are kept between sessions."""
    if __package__.startswith("bl_ext."):  # extensions have a folder of their own
        folder = bpy.utils.extension_path_user(__package__, create=True)
    else:
        folder = bpy.utils.user_resource("CONFIG", path="flsync", create=True)
    return os.path.join(folder, "job_types.json")


def register() -> None:
    try:
        with open(_file(), encoding="utf-8") as f:
            learn(json.load(f), keep=False)
    except FileNotFoundError:  # the Manager was not asked yet
        pass
    except (OSError, ValueError, KeyError, TypeError) as e:
        print("flsync: the job types of the last session cannot be used, ask the Manager again:", e)


def unregister() -> None:
    _forget()
