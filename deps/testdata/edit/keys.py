# Makes strips with several retiming keys: faster and slower parts, one that stands still, a transition, reversed, a movie.
import bpy, sys
out = sys.argv[-1]
s = bpy.context.scene
s.render.fps = 24
s.frame_start, s.frame_end = 1, 1000
se = s.sequence_editor_create()
strips = se.strips if hasattr(se, "strips") else se.sequences
w = bpy.context.window_manager.windows[0]
a = w.screen.areas[0]
a.type = 'SEQUENCE_EDITOR'
a.spaces[0].view_type = 'SEQUENCER'
if hasattr(w.workspace, "sequencer_scene"): w.workspace.sequencer_scene = s
r = [r for r in a.regions if r.type == 'WINDOW'][0]
seq = bpy.ops.sequencer
def do(name, **how):
    try: print("DID", name, how, getattr(seq, name)(**how), flush=True)
    except Exception as e: print("DID NOT", name, str(e).strip())
def only(st):
    seq.select_all(action='DESELECT')  # of keys, where they are shown
    for x in strips:
        x.select = x == st
        x.show_retiming_keys = False
    se.active_strip = st
    do("retiming_show")
def tell(st): print("ARE", st.name, st.frame_final_start, st.frame_final_end, flush=True)
def image(name, channel, start):
    st = strips.new_image(name=name, filepath="//img/%s.1001.png" % name, channel=channel, frame_start=start)
    for n in range(1002, 1049): st.elements.append("%s.%04d.png" % (name, n))
    only(st)
    return st
with bpy.context.temp_override(window=w, area=a, region=r):
    seq.select_all(action='DESELECT')
    # faster, then slower
    st = image("sh010", 1, 1)
    do("retiming_key_add", timeline_frame=13); do("retiming_segment_speed_set", speed=200)
    do("retiming_key_add", timeline_frame=27); do("retiming_segment_speed_set", speed=50)
    tell(st)
    # stands still in the middle
    st = image("sh020", 2, 200)
    do("retiming_key_add", timeline_frame=224); do("retiming_freeze_frame_add", duration=10)
    tell(st)
    # a transition
    st = image("sh030", 3, 400)
    do("retiming_key_add", timeline_frame=424); do("retiming_segment_speed_set", speed=200); do("retiming_key_add", timeline_frame=412); do("retiming_transition_add", duration=6)
    tell(st)
    # reversed, with keys and a trim
    st = image("sh040", 4, 600)
    do("retiming_key_add", timeline_frame=624); do("retiming_segment_speed_set", speed=50)
    st.use_reverse_frames = True
    st.frame_offset_start, st.frame_offset_end = 5, 4
    tell(st)
    # a movie at another rate than the edit
    if bpy.app.version >= (5, 0, 0):  # its operator crashes without a window
        st = strips.new_movie(name="movie", filepath="/tmp/edit/movie.mkv", channel=5, frame_start=800, fit_method='FIT')
    else:
        seq.movie_strip_add(filepath="/tmp/edit/movie.mkv", directory="/tmp/edit/", files=[{"name": "movie.mkv"}], frame_start=800, channel=5, adjust_playback_rate=True, sound=False, use_framerate=False)
    st = [x for x in strips if x.type == 'MOVIE'][0]
    st.name = "movie"
    only(st)
    do("retiming_key_add", timeline_frame=840); do("retiming_segment_speed_set", speed=200)
    tell(st)
bpy.ops.wm.save_as_mainfile(filepath=out, relative_remap=False, compress=True)
print("MADE", bpy.app.version)
