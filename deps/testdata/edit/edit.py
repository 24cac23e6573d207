# Makes an edit in the sequencer of this Blender, and writes down which content frame each strip shows.
import bpy, sys, os, json
out = sys.argv[-1]
bpy.ops.wm.read_factory_settings(use_empty=True)
v = bpy.app.version
s = bpy.context.scene
s.name = "Edit"
s.render.fps = 24
s.frame_start, s.frame_end = 1, 1000
se = s.sequence_editor_create()
strips = se.strips if hasattr(se, "strips") else se.sequences
bpy.ops.wm.save_as_mainfile(filepath=out)  # so that paths can be relative to it
root = os.path.dirname(os.path.abspath(out))
def image(name, channel, start, first, last, **kw):
    d = "//img/"
    st = strips.new_image(name=name, filepath=d + "%s.%04d.png" % (name, first), channel=channel, frame_start=start)
    for n in range(first + 1, last + 1):
        st.elements.append("%s.%04d.png" % (name, n))
    return st
g = image("sh060", 2, 200, 1001, 1048)
if v < (4, 0, 0) and hasattr(g, "speed_factor"):
    g.speed_factor = 2.0
elif hasattr(g, "retiming_keys"):
    k = g.retiming_keys
    mid = k.add(timeline_frame=224)
    print("KEY2", len(k), [q.timeline_frame for q in k], g.frame_final_end)
    list(k)[1].timeline_frame = 212
a = image("sh010", 1, 1, 1001, 1048)
a.frame_offset_start = 8
a.frame_offset_end = 10
b = image("sh020", 2, 60, 1001, 1024)
b.use_reverse_frames = True
b.frame_offset_start = 4
c = image("sh030", 3, 100, 1001, 1024); c.mute = True
e = image("sh040", 4, 100, 1001, 1010)
if v >= (3, 3, 0):
    e.frame_offset_start = -6   # held at both ends
    e.frame_offset_end = -5
else:
    e.frame_still_start, e.frame_still_end = 6, 5
f = image("sh050", 1, 150, 1001, 1048)
f.animation_offset_start = 5
f.animation_offset_end = 7
# speed effect
h = image("sh070", 1, 300, 1001, 1048)
kw = dict(name="speed", type="SPEED", channel=2, frame_start=300)
try:
    sp = strips.new_effect(frame_end=348, seq1=h, **kw)
except TypeError:
    try: sp = strips.new_effect(length=48, input1=h, **kw)
    except TypeError: sp = strips.new_effect(frame_end=348, input1=h, **kw)
sp.speed_control = 'MULTIPLY'
sp.speed_factor = 0.5
# speed effect on a trimmed strip
h = image("sh090", 6, 360, 1001, 1048)
h.frame_offset_start = 10
kw = dict(name="stretch", type="SPEED", channel=7, frame_start=370)
try:
    sp = strips.new_effect(frame_end=408, seq1=h, **kw)
except TypeError:
    try: sp = strips.new_effect(length=38, input1=h, **kw)
    except TypeError: sp = strips.new_effect(frame_end=408, input1=h, **kw)
sp.speed_control = 'MULTIPLY'
sp.speed_factor = 0.5
# meta, with its own trim
if v >= (4, 0, 0):
  m = strips.new_meta("meta", channel=5, frame_start=400)
  i = image("sh080", 6, 400, 1001, 1048)
  i.frame_offset_start = 3
  i.move_to_meta(m)
  i = (m.strips if hasattr(m, "strips") else m.sequences)["sh080"]
  i.frame_start = 401
  i.frame_start = 400
  print("META", m.frame_final_start, m.frame_final_end, m.frame_start)
  m.frame_offset_start = 12
  m.frame_offset_end = 6
# half the rate of the edit
mv = strips.new_movie(name="movie", filepath="/tmp/edit/movie.mkv", channel=8, frame_start=700, **({"fit_method": 'FIT'} if v >= (3, 0, 0) else {}))
mv.frame_offset_start = 4
print("MOVIE", mv.frame_duration, mv.frame_final_duration, mv.fps)
# scene strips that name a linked scene
for n, (shot, at) in enumerate([("sh100", 500), ("sh110", 560)]):
    with bpy.data.libraries.load(os.path.join(root, "shots", shot + ".blend"), link=True, relative=True) as (src, dst):
        dst.scenes = ["Shot"]
    sc = [x for x in bpy.data.scenes if x.library and x.library.filepath.endswith(shot + ".blend")][0]
    st = strips.new_scene(name=shot, scene=sc, channel=1, frame_start=at)
    if n == 0:
        st.frame_offset_start = 10; st.frame_offset_end = 6
    else:
        st.animation_offset_start = 3
        st.frame_offset_end = 20
if v >= (3, 2, 0):
    # a muted channel
    x = image("sh030", 9, 100, 1001, 1024)
    se.channels[9].mute = True
bpy.ops.wm.save_as_mainfile(filepath=out, relative_remap=False, compress=True)
print("MADE", v)
