# SPDX-License-Identifier: GPL-3.0-or-later
"""The Manager's job types, and their settings as fields of a scene.

For each job type a property group is made, and `Scene.flsync_settings` has one of each, so that a scene
keeps its values when another type is looked at. What the Manager said last is kept in a file: after a restart
the fields are there before anybody asked it.
"""

import json
import os
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set

import bpy

from . import expressions

# Where a setting may be seen; one that does not say so is seen everywhere.
_SHOWN = ("visible", "submission")

_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1


class Setting:
    """A setting of a job type."""

    def __init__(self, raw: Mapping[str, Any], attribute: str):
        self.raw = raw
        self.key: str = raw["key"]
        self.label: str = raw.get("label") or self.key.replace("_", " ").title()
        self.expression: str = raw.get("eval") or ""
        self.follows = bool(self.expression)  # the scene, unless overridden
        self.source: str = (raw.get("evalInfo") or {}).get("description") or ""
        self.editable: bool = raw.get("editable", True) is not False
        self.required: bool = raw.get("required") is True
        self.shown: bool = raw.get("visible", "visible") in _SHOWN
        self.attribute = attribute
        self.override = "own_" + attribute

    def is_unset_number(self, group: Any) -> bool:
        """Reports whether the 0 of a field is nobody's: neither of the job type nor of people."""
        number = self.raw.get("type") in ("int32", "float") and not self.raw.get("choices")
        return number and "default" not in self.raw and not self.required and not group.is_property_set(self.attribute)

    def property(self) -> Any:
        """Returns the field."""
        raw, kind = self.raw, self.raw.get("type", "string")
        options: Dict[str, Any] = {"name": self.label + " *" * self.required, "description": raw.get("description", "")}
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
        taken: Set[str] = set()
        self.all = [Setting(s, _identifier(s["key"], taken)) for s in raw.get("settings") or ()]
        self.settings = [s for s in self.all if s.shown]

    def group(self) -> type:
        """A property group with a field for each setting, and a switch for each that follows the scene."""
        fields: Dict[str, Any] = {}
        for s in self.settings:
            fields[s.attribute] = s.property()
            if s.follows:
                fields[s.override] = bpy.props.BoolProperty(
                    name="Own Value", description="Take this value instead of the scene's", default=False, update=self._starter(s))
        return type("FlsyncJob_" + self.attribute, (bpy.types.PropertyGroup,), {"__annotations__": fields})

    def _starter(self, s: Setting) -> Any:
        """An update function that has an own value begin as the scene's."""

        def start(group: Any, context: bpy.types.Context) -> None:
            if getattr(group, s.override) and not group.is_property_set(s.attribute):
                try:
                    setattr(group, s.attribute, self.live(context.scene, s.key)[s.key])
                except (KeyError, TypeError, ValueError):  # the expression failed, or its value is of another type
                    pass

        return start

    def values(self, scene: bpy.types.Scene, given: Optional[Mapping[str, Any]] = None, job_name: str = "") -> Dict[str, Any]:
        """The values to submit with: the given ones, those of the fields, and those that only Blender can evaluate.

        Without what follows from the file, and without fields that nobody filled in. Raises ValueError for an expression that fails."""
        values: Dict[str, Any] = {}
        group = fields_of(scene, self)
        for s in self.settings:
            if s.follows and not _is_own(group, s):
                continue
            if s.is_unset_number(group):
                continue
            value = getattr(group, s.attribute)
            if value != "" or s.raw.get("default"):
                values[s.key] = _number(value) if isinstance(value, float) else value
        values.update(given or {})
        live = self._evaluator(scene, values, job_name)
        for s in self.all:
            if s.follows and s.key not in values and expressions.needs_blender(s.expression):
                try:
                    values[s.key] = live(s.key)
                except Exception as e:  # noqa: BLE001 (it is the Manager's code)
                    raise ValueError("%s cannot be evaluated: %s (%s)" % (s.label, s.expression, e)) from e
        return values

    def unfilled(self, scene: bpy.types.Scene, values: Mapping[str, Any]) -> List[str]:
        """The labels of required fields that have no value."""
        return [s.label for s in self.settings if s.required and not s.follows and values.get(s.key, "") == ""]

    def live(self, scene: bpy.types.Scene, follows: str = "") -> Dict[str, Any]:
        """Returns what the expressions say now, for people; that of `follows` even if the setting has an own value.

        An expression that fails is not among them."""
        group = fields_of(scene, self)
        fields = {s.key: getattr(group, s.attribute) for s in self.settings if s.key != follows and (not s.follows or _is_own(group, s))}
        evaluate = self._evaluator(scene, fields, "")
        values: Dict[str, Any] = {}
        for s in self.settings:
            if s.follows and s.key not in fields:
                try:
                    values[s.key] = evaluate(s.key)
                except Exception:  # noqa: BLE001 (it is the Manager's code)
                    pass
        return values

    def _evaluator(self, scene: bpy.types.Scene, values: Mapping[str, Any], job_name: str) -> Any:
        """A function from the key of a setting to its value, which may follow from those of others."""
        by_key = {s.key: s for s in self.all}
        busy: Set[str] = set()

        def value(key: str) -> Any:
            if key in values:
                return values[key]
            s = by_key.get(key)
            if s is None or key in busy:
                raise AttributeError("the setting %s is not there, or needs itself" % key)
            if not s.follows:
                default = {"int32": 0, "float": 0.0, "bool": False}.get(s.raw.get("type", ""), "")
                return s.raw.get("default", default)
            busy.add(key)
            try:
                return evaluator.evaluate(s.expression)
            finally:
                busy.discard(key)

        evaluator = expressions.Evaluator(job_name or scene.flsync.job_name, value)
        return value


def _is_own(group: Any, s: Setting) -> bool:
    return s.editable and getattr(group, s.override)


def _number(value: float) -> float:
    """A float as people wrote it: Blender keeps 32 bits, in which 0.1 is 0.10000000149."""
    return float("%.7g" % value)


def _identifier(name: str, taken: Set[str]) -> str:
    """Returns name as a property may be called: letters, digits and _, not longer than 40, and unique."""
    base = "s_" + re.sub(r"[^A-Za-z0-9_]", "_", name)[:40]
    unique, n = base, 2
    while unique in taken:
        unique, n = "%s_%d" % (base, n), n + 1
    taken.add(unique)
    return unique


# --- Those that the Manager has ----------------------------------------------------------------------

USUAL = "simple-blender-render"  # what flsync takes when no job type is named

_known: List[JobType] = []
_tags: List[str] = []
_registered: List[type] = []


def known() -> Sequence[JobType]:
    """The job types that the Manager had when it was last asked."""
    return _known


def tags() -> Sequence[str]:
    """The names of the Manager's worker tags."""
    return _tags


def find(name: str) -> Optional[JobType]:
    """The job type of a name; for "" the usual one, as flsync takes it."""
    return next((t for t in _known if t.name == (name or USUAL)), None)


def fields_of(scene: bpy.types.Scene, job_type: JobType) -> Any:
    """The property group of a job type in a scene."""
    return getattr(scene.flsync_settings, job_type.attribute)


def learn(raw: Sequence[Mapping[str, Any]], tag_names: Sequence[str] = (), keep: bool = True) -> None:
    """Makes fields of what the Manager said, in place of those before. Scenes keep their values."""
    taken: Set[str] = set()
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
    _tags[:] = sorted(tag_names)
    if keep:
        path = _file()
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump({"job_types": list(raw), "tags": _tags}, f)
        os.replace(path + ".new", path)


def _forget() -> None:
    if _registered:
        del bpy.types.Scene.flsync_settings
    while _registered:
        bpy.utils.unregister_class(_registered.pop())
    _known.clear()
    _tags.clear()


def _file() -> str:
    """Returns where the Manager's answer is kept between sessions."""
    if __package__.startswith("bl_ext."):  # extensions have a folder of their own
        folder = bpy.utils.extension_path_user(__package__, create=True)
    else:
        folder = bpy.utils.user_resource("CONFIG", path="flsync", create=True)
    return os.path.join(folder, "manager.json")


def register() -> None:
    try:
        with open(_file(), encoding="utf-8") as f:
            said = json.load(f)
        learn(said["job_types"], said["tags"], keep=False)
    except FileNotFoundError:  # the Manager was not asked yet
        pass
    except (OSError, ValueError, KeyError, TypeError) as e:
        print("flsync: the job types of the last session cannot be used, ask the Manager again:", e)


def unregister() -> None:
    _forget()
