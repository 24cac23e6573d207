"""Makes 50 libraries with 20 textures each, and shot.blend, which links all of them, in the folder after --."""
import sys
from pathlib import Path

import bpy

out = Path(sys.argv[-1])
(out / "tex").mkdir()
bpy.ops.wm.read_factory_settings(use_empty=True)
libraries = []
for n in range(50):
    mesh = bpy.data.meshes.new(f"mesh{n}")
    for t in range(20):
        texture = out / "tex" / f"lib{n:02}_{t:02}.png"
        texture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes([n, t]))
        image = bpy.data.images.new(f"image{n}_{t}", 1, 1)
        image.source = "FILE"
        image.filepath = f"//tex/{texture.name}"
        material = bpy.data.materials.new(f"material{n}_{t}")
        material.use_nodes = True
        material.node_tree.nodes.new("ShaderNodeTexImage").image = image
        mesh.materials.append(material)
    asset = bpy.data.collections.new(f"asset{n}")
    asset.objects.link(bpy.data.objects.new(f"object{n}", mesh))
    libraries.append(str(out / f"lib{n:02}.blend"))
    bpy.data.libraries.write(libraries[-1], {asset}, fake_user=True)
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.wm.save_as_mainfile(filepath=str(out / "shot.blend"), compress=False)
for library in libraries:
    with bpy.data.libraries.load(library, link=True, relative=True) as (has, wants):
        wants.collections = has.collections
    for asset in wants.collections:
        bpy.context.scene.collection.children.link(asset)
bpy.ops.wm.save_as_mainfile(filepath=str(out / "shot.blend"), compress=False)
