
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
s = bpy.context.scene
s.render.fps = 12
s.frame_start, s.frame_end = 1, 48
se = s.sequence_editor_create()
st = (se.strips if hasattr(se,"strips") else se.sequences).new_image(name="a", filepath="/tmp/edit/img/sh010.1001.png", channel=1, frame_start=1)
for n in range(1002, 1049): st.elements.append("sh010.%04d.png"%n)
s.render.resolution_x = s.render.resolution_y = 64
s.render.resolution_percentage = 100
s.view_settings.view_transform = 'Raw'
s.render.image_settings.file_format = 'FFMPEG'
s.render.ffmpeg.format = 'MKV'
s.render.ffmpeg.codec = 'FFV1'
s.render.filepath = "/tmp/edit/movie.mkv"
s.render.use_file_extension = False
bpy.ops.render.render(animation=True)
