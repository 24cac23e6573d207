import bpy, sys
name, first, last = sys.argv[-3], int(sys.argv[-2]), int(sys.argv[-1])
bpy.ops.wm.read_factory_settings(use_empty=True)
s = bpy.context.scene
s.frame_start, s.frame_end = first, last
s.name = "Shot"
s.render.fps = 24
s.render.engine = 'CYCLES'
s.cycles.samples = 1
s.cycles.use_denoising = False
s.render.resolution_x = s.render.resolution_y = 16
s.view_settings.view_transform = 'Raw'
cam = bpy.data.objects.new("c", bpy.data.cameras.new("c")); s.collection.objects.link(cam); s.camera = cam
w = bpy.data.worlds.new("w"); s.world = w; w.use_nodes = True
bg = [n for n in w.node_tree.nodes if n.type == 'BACKGROUND'][0]
bg.inputs[0].default_value = (1, 1, 1, 1)
st = bg.inputs[1]
for f in range(first, last + 1):
    st.default_value = (f - first + 1) * 5 / 255
    st.keyframe_insert("default_value", frame=f)
bpy.ops.wm.save_as_mainfile(filepath=name, compress=True)
