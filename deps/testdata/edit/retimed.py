import bpy, sys
out = sys.argv[-1]
s = bpy.context.scene
s.render.fps = 24
se = s.sequence_editor_create()
w = bpy.context.window_manager.windows[0]
a = w.screen.areas[0]
a.type = 'SEQUENCE_EDITOR'
try: a.spaces[0].view_type = 'SEQUENCER'
except Exception as e: print("VIEW", e)
if hasattr(bpy.context, "workspace") and hasattr(w.workspace, "sequencer_scene"): w.workspace.sequencer_scene = s
r = [r for r in a.regions if r.type == 'WINDOW'][0]
with bpy.context.temp_override(window=w, area=a, region=r):
    print("ADD", bpy.ops.sequencer.movie_strip_add(filepath="/tmp/edit/movie.mkv", directory="/tmp/edit/", files=[{"name": "movie.mkv"}], frame_start=700, channel=1, adjust_playback_rate=True, sound=False, use_framerate=False))
    st = (se.strips if hasattr(se, "strips") else se.sequences)[0]
    print("LEN", st.frame_final_start, st.frame_final_end, st.frame_duration)
    st.name = "movie"
    st2 = (se.strips if hasattr(se, "strips") else se.sequences).new_image(name="sh060", filepath="//img/sh060.1001.png", channel=3, frame_start=100)
    for n in range(1002, 1049): st2.elements.append("sh060.%04d.png" % n)
    for x in (se.strips if hasattr(se, "strips") else se.sequences): x.select = x.name == "sh060"
    se.active_strip = st2
    if hasattr(bpy.ops.sequencer, "retiming_key_add"):
        try:
            print("K", bpy.ops.sequencer.retiming_show())
        except Exception as e: print("SHOW", e)
        try:
            s.frame_current = 124
            print("K", bpy.ops.sequencer.retiming_key_add(timeline_frame=124))
            print("S", bpy.ops.sequencer.retiming_segment_speed_set(speed=200))
        except Exception as e: print("EXC", e)
    print("LEN", st2.frame_final_start, st2.frame_final_end)
bpy.ops.wm.save_as_mainfile(filepath=out, relative_remap=False, compress=True)
print("MADE", bpy.app.version)
