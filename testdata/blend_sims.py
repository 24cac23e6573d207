"""Makes simulations, baked and not, a text to be registered, drivers, and a compositor without an output, for a test.

    blender -b --factory-startup --python-exit-code 1 -P testdata/blend_sims.py -- FILE.blend
"""

import sys

import bpy

out = sys.argv[-1]
bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
scene = bpy.context.scene
scene.frame_start, scene.frame_end = 1, 20


def made(name):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [], [(0, 1, 2, 3)])
    ob = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(ob)
    return ob


made("loose").modifiers.new("c", "CLOTH")
for name, end in (("short", 10), ("baked", 30)):
    cache = made(name).modifiers.new("c", "CLOTH").point_cache
    cache.frame_end = end
    with bpy.context.temp_override(scene=scene, point_cache=cache):
        bpy.ops.ptcache.bake(bake=True)
made("off").modifiers.new("c", "CLOTH").show_render = False
made("soft").modifiers.new("s", "SOFT_BODY")
made("emit").modifiers.new("p", "PARTICLE_SYSTEM")
made("hair").modifiers.new("p", "PARTICLE_SYSTEM").particle_system.settings.type = "HAIR"
made("still").modifiers.new("p", "PARTICLE_SYSTEM").particle_system.settings.physics_type = "NO"
made("fluid").modifiers.new("f", "FLUID").fluid_type = "DOMAIN"
body = made("rigid")
bpy.context.view_layer.objects.active = body
bpy.ops.rigidbody.world_add()
bodies = bpy.data.collections.new("bodies")
bodies.objects.link(body)
scene.rigidbody_world.collection = bodies
bpy.data.texts.new("rig_ui.py").use_module = True
bpy.data.texts.new("notes")
driven = made("driven")
driven.driver_add("location", 0).driver.expression = "noise.random()"
driven.driver_add("location", 1).driver.expression = "sin(frame*2)+1"
if hasattr(bpy.types, "GeometryNodeSimulationOutput"):
    print("SIMULATION NODES")
    inner = bpy.data.node_groups.new("inner", "GeometryNodeTree")
    inner.nodes.new("GeometryNodeSimulationOutput")
    outer = bpy.data.node_groups.new("outer", "GeometryNodeTree")
    outer.nodes.new("GeometryNodeGroup").node_tree = inner
    made("gn").modifiers.new("n", "NODES").node_group = outer
    made("gnplain").modifiers.new("n", "NODES").node_group = bpy.data.node_groups.new("plain", "GeometryNodeTree")
if hasattr(scene, "compositing_node_group"):
    scene.compositing_node_group = bpy.data.node_groups.new("comp", "CompositorNodeTree")
    scene.compositing_node_group.nodes.new("CompositorNodeRLayers")
else:
    scene.use_nodes = True
    for node in list(scene.node_tree.nodes):
        if node.bl_idname == "CompositorNodeComposite":
            scene.node_tree.nodes.remove(node)
    if not scene.node_tree.nodes:
        scene.node_tree.nodes.new("CompositorNodeRLayers")
bpy.ops.wm.save_as_mainfile(filepath=out)
