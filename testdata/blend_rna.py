"""Sets every property of Blender that is the path of a file or a folder, for a test to compare with what is traced.

    blender -b --factory-startup --python-exit-code 1 -P testdata/blend_rna.py -- FOLDER

It makes data-blocks, modifiers, constraints, nodes and strips of every kind that the Blender has, saves them as
FOLDER/main.blend, and prints one line of JSON behind the word RNA: the properties, each set to //rna/STRUCT.PROPERTY.x.
"""

import json
import os
import sys

import bpy

folder = sys.argv[-1]
bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, "main.blend"))
scene = bpy.context.scene
found = {}
seen = set()
held = []  # keeps what Python made
# What has to be set for a path to count.
switches = {
    "mode": "EXTERNAL", "source": "FILE", "use_external": True, "custom_mode": "EXTERNAL", "use_custom_path": True, "use_proxy": True,
    "use_proxy_custom_directory": True, "use_proxy_custom_file": False, "bake_target": "DISK",
}


def visit(owner, depth=0):
    """Sets the paths of a struct, and of the structs that are part of it."""
    key = (owner.bl_rna.identifier, owner.as_pointer())
    if key in seen or depth > 6:
        return
    seen.add(key)
    for p in owner.bl_rna.properties:
        if p.identifier in switches:
            try:
                setattr(owner, p.identifier, switches[p.identifier])
            except Exception:
                pass
    for p in owner.bl_rna.properties:
        name = owner.bl_rna.identifier + "." + p.identifier
        try:
            if p.type == "STRING" and not p.identifier.endswith("_raw") and p.subtype in ("FILE_PATH", "DIR_PATH", "FILEPATH", "DIRPATH") and not p.is_readonly:
                path = f"//rna/{name}.x"
                setattr(owner, p.identifier, path)
                if getattr(owner, p.identifier).rstrip("/") == path:
                    found[name] = path
            elif p.type == "POINTER" and p.identifier not in ("id_data", "rna_type", "uv_sculpt"):  # the last crashes Blender 4.3
                value = getattr(owner, p.identifier)
                if value is not None and not isinstance(value, bpy.types.ID) or isinstance(value, bpy.types.NodeTree):
                    visit(value, depth + 1)
            elif p.type == "COLLECTION" and p.identifier != "rna_type":
                for value in list(getattr(owner, p.identifier))[:2000]:
                    if not isinstance(value, bpy.types.ID):
                        visit(value, depth + 1)
        except Exception as e:
            print("skipped", name, e)


def attempt(make):
    try:
        held.append(make())
        return held[-1]
    except Exception as e:
        print("not made:", e)


def kinds(base, attribute="modifiers"):
    return [e.identifier for e in bpy.types.Object.bl_rna.properties[attribute].fixed_type.bl_rna.properties["type"].enum_items]


mesh = bpy.data.objects.new("mesh", bpy.data.meshes.new("mesh"))
scene.collection.objects.link(mesh)
for kind in kinds("modifiers"):
    attempt(lambda: mesh.modifiers.new(kind, kind))
for kind in kinds("constraints", "constraints"):
    attempt(lambda: mesh.constraints.new(kind))
fluid = mesh.modifiers.get("FLUID")
if fluid:
    fluid.fluid_type = "DOMAIN"
for tree_type in ("ShaderNodeTree", "CompositorNodeTree", "GeometryNodeTree", "TextureNodeTree"):
    tree = bpy.data.node_groups.new(tree_type, tree_type)
    tree.use_fake_user = True
    for name in dir(bpy.types):
        if "Node" in name and hasattr(getattr(bpy.types, name), "bl_rna"):
            try:
                tree.nodes.new(name)
            except Exception:
                pass
editor = scene.sequence_editor_create()
strips = editor.strips if hasattr(editor, "strips") else editor.sequences
file = os.path.join(folder, "main.blend")
attempt(lambda: strips.new_movie("movie", file, 1, 1))
attempt(lambda: strips.new_image("image", file, 2, 1))
attempt(lambda: strips.new_sound("sound", file, 3, 1))
makers = {
    "images": lambda c: c.new("x", 8, 8), "textures": lambda c: c.new("x", "IMAGE"), "lights": lambda c: c.new("x", "POINT"),
    "curves": lambda c: c.new("x", "CURVE"), "sounds": lambda c: c.load(file), "fonts": lambda c: c.load(file), "movieclips": lambda c: c.load(file),
    "cache_files": lambda c: None, "node_groups": lambda c: None, "libraries": lambda c: None, "brushes": lambda c: c.new("x", mode="SCULPT"),
}
for p in bpy.data.bl_rna.properties:
    if p.type != "COLLECTION":
        continue
    data = getattr(bpy.data, p.identifier)
    if len(data) == 0 or p.identifier == "images":
        block = attempt(lambda: makers.get(p.identifier, lambda c: c.new("x"))(data))
    for block in list(data):
        if isinstance(block, (bpy.types.WindowManager, bpy.types.Screen, bpy.types.WorkSpace)):
            continue
        try:
            block.use_fake_user = True
        except Exception:
            pass
        visit(block)
for block in list(scene.collection.objects):
    scene.collection.objects.unlink(block)  # what is saved is not evaluated, which crashes Blender 4.3
bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, "main.blend"), relative_remap=False)
print("RNA", json.dumps(found))
