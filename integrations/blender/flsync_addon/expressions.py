# SPDX-License-Identifier: GPL-3.0-or-later
"""The expressions of a Manager's job types: Python that is evaluated over the open scene.

flsync evaluates the usual ones itself, from the file on disk. What only Blender knows (`C.scene.cycles.samples`,
other add-ons' properties) is evaluated here and handed over as a setting. The panel shows the values of all.

An expression is the Manager's: it runs with the rights of Blender, as in Flamenco's own add-on.
"""

import ast
import os
import re
from pathlib import Path, PurePath
from typing import Any, Callable, Optional, Union

import bpy

# What flsync knows of a scene. A name that is not here is evaluated in Blender, which gives the same value.
_SCENE = {
    "name", "frame_start", "frame_end", "frame_step", "frame_current", "camera.name", "render.fps", "render.fps_base",
    "render.resolution_x", "render.resolution_y", "render.resolution_percentage", "render.engine", "render.filepath",
    "render.file_extension", "render.image_settings.file_format", "render.image_settings.use_preview",
}
_NAMES = {"Path", "abspath", "last_n_dir_parts", "settings", "jobname", "str", "int"}

_VARIABLE = re.compile(r"\{[^}/\\ ]+\}(?=$|[/\\])")  # at the beginning of a path: the Manager has a value for each platform


def needs_blender(expression: str) -> bool:
    """Reports whether flsync may not be able to evaluate an expression from the file alone."""
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except SyntaxError:
        return True
    return not _is_known(tree)


def _is_known(node: ast.AST) -> bool:
    if isinstance(node, (ast.Attribute, ast.Name)):
        chain = _chain(node)
        if chain.startswith("settings."):
            return True
        for prefix in ("C.scene.", "bpy.context.scene."):
            if chain.startswith(prefix):
                return chain[len(prefix):] in _SCENE
        return chain in _NAMES
    if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _NAMES):
        return False
    simple = (ast.Constant, ast.JoinedStr, ast.FormattedValue, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare, ast.BoolOp, ast.Call,
              ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context)
    return isinstance(node, simple) and all(_is_known(child) for child in ast.iter_child_nodes(node))


def _chain(node: ast.AST) -> str:
    """A dotted name; "" for an attribute of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _chain(node.value)
        return "%s.%s" % (before, node.attr) if before else ""
    return ""


class Evaluator:
    """The names that an expression may use. `setting` returns another setting's value, or raises AttributeError."""

    def __init__(self, job_name: str, setting: Callable[[str], Any]):
        self._names = {
            "bpy": bpy, "C": bpy.context, "Path": Path, "abspath": _abspath, "last_n_dir_parts": _last_n_dir_parts,
            "settings": _Settings(setting), "jobname": job_name,
        }

    def evaluate(self, expression: str) -> Any:
        """The value as text, number or bool. Raises whatever the expression raises, and TypeError for other values."""
        value = eval(expression.strip(), dict(self._names))  # noqa: S307 (what it is for)
        if isinstance(value, PurePath):
            return str(value)
        if not isinstance(value, (str, int, float, bool)):
            raise TypeError("the value is no text, number or bool, but of type " + type(value).__name__)
        return value


class _Settings:
    def __init__(self, setting: Callable[[str], Any]):
        self._setting = setting

    def __getattr__(self, key: str) -> Any:
        return self._setting(key)


def _abspath(path: Union[str, PurePath]) -> Path:
    text = str(path)
    return Path(text if _VARIABLE.match(text) else os.path.abspath(bpy.path.abspath(text)))


def _last_n_dir_parts(n: int, filepath: Optional[Union[str, PurePath]] = None, file: Optional[Union[str, PurePath]] = None) -> Path:
    """The last n folders of a file, by default of the open one."""
    folder = _abspath(filepath or file or bpy.data.filepath).parent
    names = folder.parts[1:] if folder.anchor else folder.parts
    return Path(*names[len(names) - min(n, len(names)):]) if n > 0 else Path()
