# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on in a headless Blender, installed from its zip.

    blender -b --factory-startup --python-exit-code 1 -P test_addon.py -- ZIP PROGRAM MANAGER FOLDER

blender_test.go runs it, with BLENDER_USER_SCRIPTS and a Manager of its own.
"""

import http.server
import json
import os
import random
import sys
import threading
import time
import unittest

import bpy

ZIP, PROGRAM, MANAGER, FOLDER = sys.argv[sys.argv.index("--") + 1 :]
OUT = os.path.join(FOLDER, "renders")


def setUpModule():
    bpy.ops.preferences.addon_install(filepath=ZIP)
    bpy.ops.preferences.addon_enable(module="flsync_addon")
    prefs = bpy.context.preferences.addons["flsync_addon"].preferences
    prefs.program, prefs.manager, prefs.use_offline = PROGRAM, MANAGER, True


def addon(name):
    return sys.modules["flsync_addon." + name]


def state():
    return bpy.context.window_manager.flsync


def summary():
    return json.loads(state().summary)


def new_shot(name, image=None):
    """A saved shot of a cube with a texture."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 101, 104
    scene.name = "Shot"
    if image:
        texture = bpy.data.images.load(image)
        texture.use_fake_user = True
    folder = os.path.join(FOLDER, "project", "shots")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name + ".blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    return path


def new_image(path):
    """A picture that is like no other."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    image = bpy.data.images.new("made", 8, 8)
    image.pixels = [random.random() for _ in range(8 * 8 * 4)]
    image.filepath_raw, image.file_format = path, "PNG"
    image.save()
    return path


def jobs():
    run = addon("preferences").program().start("jobs list")
    return [e.raw for e in run]


class Types(unittest.TestCase):
    def test_fields_follow_the_job_type(self):
        new_shot("types")
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.refresh())
        jobtypes = addon("jobtypes")
        self.assertIn("simple-blender-render", [t.name for t in jobtypes.known()])
        scene = bpy.context.scene
        scene.flsync.job_type = "simple-blender-render"
        self.assertEqual("simple-blender-render", scene.flsync.job_type_name)
        render = jobtypes.find(scene.flsync.job_type)
        by_key = {s.key: s for s in render.settings}
        self.assertNotIn("blendfile", by_key, "seen on the web only")
        self.assertNotIn("fps", by_key, "hidden")
        self.assertTrue(by_key["frames"].follows)
        self.assertFalse(by_key["render_output_path"].editable)
        fields = jobtypes.fields_of(scene, render)
        self.assertEqual("DIR_PATH", fields.bl_rna.properties[by_key["render_output_root"].attribute].subtype)
        self.assertEqual(32, fields.bl_rna.properties[by_key["add_path_components"].attribute].hard_max)
        self.assertEqual(1, getattr(fields, by_key["chunk_size"].attribute))

    def test_values(self):
        """Every kind of setting; one that follows the scene is sent only when it is overridden."""
        new_shot("values")
        jobtypes = addon("jobtypes")
        before = [t.raw for t in jobtypes.known()]
        self.addCleanup(jobtypes.learn, before, keep=False)
        jobtypes.learn([{"name": "my type!", "settings": [
            {"key": "odd-key", "type": "string", "default": "a"},
            {"key": "odd_key", "type": "int32", "default": 3, "propargs": {"min": -5, "max": 2**40, "step": "x"}},
            {"key": "ratio", "type": "float", "default": 0.1},
            {"key": "on", "type": "bool", "default": True},
            {"key": "pick", "type": "string", "choices": ["x", "y"], "default": "y"},
            {"key": "empty", "type": "string"},
            {"key": "frames", "type": "string", "eval": "1"},
            {"key": "fixed", "type": "string", "eval": "1", "editable": False},
            {"key": "web", "type": "string", "default": "no", "visible": "web"},
        ]}], keep=False)
        scene = bpy.context.scene
        kind = jobtypes.find("my type!")
        want = {"odd-key": "a", "odd_key": 3, "ratio": 0.1, "on": True, "pick": "y"}
        self.assertEqual(want, kind.values(scene))
        fields = jobtypes.fields_of(scene, kind)
        by_key = {s.key: s for s in kind.settings}
        setattr(fields, by_key["frames"].override, True)
        setattr(fields, by_key["frames"].attribute, "1-3")
        setattr(fields, by_key["odd_key"].attribute, -99)
        self.assertEqual({**want, "frames": "1-3", "odd_key": -5}, kind.values(scene))

    def test_expressions(self):
        """What only Blender can evaluate is evaluated in it, also for settings that nobody sees; the rest is left to flsync."""
        new_shot("expressions")
        jobtypes = addon("jobtypes")
        before, tags = [t.raw for t in jobtypes.known()], list(jobtypes.tags())
        self.addCleanup(jobtypes.learn, before, tags, keep=False)
        path = "str(Path(abspath(settings.root), last_n_dir_parts(settings.n), jobname, C.scene.get('take', 'x')))"
        jobtypes.learn([{"name": "odd", "settings": [
            {"key": "frames", "type": "string", "eval": "f'{C.scene.frame_start}-{C.scene.frame_end}'", "required": True},
            {"key": "samples", "type": "int32", "eval": "C.scene.cycles.samples", "required": True},
            {"key": "device", "type": "string", "eval": "C.scene.cycles.device", "visible": "hidden"},
            {"key": "version", "type": "string", "eval": "bpy.app.version_string", "visible": "web"},
            {"key": "n", "type": "int32", "default": 1},
            {"key": "root", "type": "string", "subtype": "dir_path", "required": True},
            {"key": "path", "type": "string", "subtype": "file_path", "editable": False, "eval": path},
            {"key": "path2", "type": "string", "editable": False, "eval": "str(abspath(settings.root))"},
        ]}], keep=False)
        scene = bpy.context.scene
        scene["take"] = "take 3"
        kind = jobtypes.find("odd")
        self.assertEqual(["Root"], kind.unfilled(scene, kind.values(scene)))
        fields = jobtypes.fields_of(scene, kind)
        by_key = {s.key: s for s in kind.settings}
        setattr(fields, by_key["root"].attribute, "{storage}/out")
        values = kind.values(scene)
        self.assertEqual(scene.cycles.samples, values["samples"])
        self.assertEqual(("CPU", bpy.app.version_string), (values["device"], values["version"]))
        self.assertEqual("{storage}/out/shots/expressions/take 3", values["path"].replace(os.sep, "/"))
        self.assertNotIn("frames", values, "flsync reads it from the file")
        self.assertNotIn("path2", values, "flsync knows what a variable is")
        self.assertEqual([], kind.unfilled(scene, values))

        live = kind.live(scene)
        self.assertEqual(("101-104", "{storage}/out"), (live["frames"], live["path2"]))
        setattr(fields, by_key["samples"].override, True)
        self.assertEqual(scene.cycles.samples, getattr(fields, by_key["samples"].attribute), "an own value begins as the scene's")
        setattr(fields, by_key["samples"].attribute, 7)
        self.assertEqual(7, kind.values(scene)["samples"])
        self.assertEqual("G", kind.values(scene, {"device": "G"})["device"])

        jobtypes.learn([{"name": "odd", "settings": [{"key": "bad", "eval": "C.scene.nothing_of_it", "visible": "hidden"}]}], keep=False)
        with self.assertRaisesRegex(ValueError, "Bad cannot be evaluated"):
            jobtypes.find("odd").values(scene)

    def test_what_flsync_evaluates(self):
        needs = addon("expressions").needs_blender
        for expression, want in [
            ("f'{C.scene.frame_start}-{C.scene.frame_end}'", False),
            ("str(Path(abspath(settings.render_output_root), last_n_dir_parts(settings.add_path_components), jobname, '{timestamp}', '######'))", False),
            ("C.scene.render.fps / C.scene.render.fps_base", False),
            ("bpy.context.scene.render.image_settings.file_format", False),
            ("C.scene.cycles.samples", True), ("C.scene.get('x')", True), ("hasattr(C, 'x')", True), ("bpy.app.version_string", True),
            ("[v.name for v in C.scene.view_layers]", True), ("1 +", True),
        ]:
            with self.subTest(expression):
                self.assertEqual(want, needs(expression))

    def test_job_type_that_the_manager_lacks(self):
        """It is shown as such, and never as another one."""
        new_shot("lacks")
        bpy.ops.flsync.refresh()
        own = bpy.context.scene.flsync
        own.job_type_name = "studio-comp"
        self.assertEqual("studio-comp", own.job_type)
        items = addon("properties")._job_type_items(own, bpy.context)
        self.assertEqual([("studio-comp", "studio-comp (not at this Manager)")], [i[:2] for i in items if "studio" in i[0]])
        self.assertIsNone(addon("jobtypes").find(own.job_type))
        own.job_type = "echo-sleep-test"
        self.assertEqual("echo-sleep-test", own.job_type_name)

    def test_name_and_tags(self):
        addon("preferences").program().start("tags create", "Compositing").wait()
        new_shot("named")
        bpy.ops.flsync.refresh()
        own = bpy.context.scene.flsync
        self.assertEqual("named", own.job_name)
        own.job_name = "mine"
        self.assertEqual(("mine", "mine"), (own.job_name, own.own_job_name))
        own.job_name = ""
        self.assertEqual("named", own.job_name)
        self.assertIn("Compositing", addon("jobtypes").tags())
        self.assertTrue(state().version)

    def test_scene_keeps_its_values(self):
        path = new_shot("keeps")
        scene = bpy.context.scene
        bpy.ops.flsync.refresh()
        jobtypes = addon("jobtypes")
        render = jobtypes.find("simple-blender-render")
        chunk = next(s for s in render.settings if s.key == "chunk_size").attribute
        setattr(jobtypes.fields_of(scene, render), chunk, 7)
        jobtypes.learn([t.raw for t in jobtypes.known()])
        bpy.ops.wm.save_mainfile()
        bpy.ops.wm.open_mainfile(filepath=path)
        render = jobtypes.find("simple-blender-render")
        self.assertEqual(7, render.values(bpy.context.scene)["chunk_size"])


class Submit(unittest.TestCase):
    def setUp(self):
        texture = new_image(os.path.join(FOLDER, "project", "textures", self._testMethodName + ".png"))
        self.path = new_shot(self._testMethodName, texture)
        bpy.ops.flsync.refresh()
        scene = bpy.context.scene
        scene.flsync.job_type = "simple-blender-render"
        scene.flsync.project = os.path.join(FOLDER, "project")
        jobtypes = addon("jobtypes")
        render = jobtypes.find("simple-blender-render")
        root = next(s for s in render.settings if s.key == "render_output_root").attribute
        setattr(jobtypes.fields_of(scene, render), root, OUT)

    def test_shot(self):
        scene = bpy.context.scene
        scene.flsync.job_name, scene.flsync.priority = "from Blender", 61
        scene.frame_end = 120  # not saved by anybody but the operator
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.submit(save=True))
        s = state()
        self.assertTrue(s.ok and not s.running, s.status)
        job = next(j for j in jobs() if j["id"] == s.job_id)
        self.assertEqual(("from Blender", 61, "simple-blender-render"), (job["name"], job["priority"], job["type"]))
        self.assertEqual("101-120", job["settings"]["frames"])
        self.assertEqual("Shot", job["settings"]["scene"])
        self.assertTrue(job["settings"]["render_output_path"].startswith(OUT + "/from Blender/"))
        self.assertTrue(job["settings"]["blendfile"].endswith("/shots/test_shot.blend"), job["settings"])
        self.assertTrue(s.job_url.endswith("/jobs/" + s.job_id))
        self.assertEqual((2, 1), (summary()["store"]["uploaded"], summary()["jobs"]["submitted"]))

        self.assertEqual({"FINISHED"}, bpy.ops.flsync.submit())  # the same again
        self.assertIn("there already", state().status)
        self.assertEqual(1, summary()["jobs"]["skipped"])

    def test_script_run_three_times(self):
        """A script over a shot that nobody touched makes one job, and writes nothing."""
        before, content = len(jobs()), read(self.path)
        for _ in range(3):
            bpy.ops.wm.open_mainfile(filepath=self.path)
            self.assertEqual({"FINISHED"}, bpy.ops.flsync.submit(settings=json.dumps({"render_output_root": OUT})))
            self.assertTrue(state().job_url)
        self.assertEqual((before + 1, content), (len(jobs()), read(self.path)))
        bpy.ops.flsync.submit(settings=json.dumps({"render_output_root": OUT}), force=True)
        self.assertEqual(before + 2, len(jobs()))

    def test_when_it_is_saved(self):
        wants = addon("operators").wants_save
        for given, invoked, background, dirty, want in [
            (None, True, False, True, True), (None, True, False, False, False),  # the panel
            (None, False, False, False, True), (None, False, False, True, True),  # another add-on: is_dirty says nothing there
            (None, False, True, False, False), (None, False, True, True, False),  # a script in background mode
            (True, False, True, False, True), (False, False, False, True, False), (False, True, False, True, False),
        ]:
            self.assertEqual(want, wants(given, invoked, background, dirty), (given, invoked, background, dirty))

    def test_check_writes_nothing(self):
        content = read(self.path)
        bpy.context.scene.frame_end = 900
        bpy.ops.flsync.check()
        self.assertEqual(content, read(self.path))
        self.assertNotIn("save", bpy.ops.flsync.check.get_rna_type().properties)

    def test_held_back_file_is_a_warning(self):
        """The job went in: that is no failure, and what is to be known of it is listed."""
        outside = os.path.join(FOLDER, "outside", "pw.png")
        os.makedirs(os.path.dirname(outside), exist_ok=True)
        with open(outside, "w", encoding="utf-8") as f:
            f.write("no picture")
        self.path = new_shot("held_back")
        image = bpy.data.images.new("secret", 8, 8)
        image.source, image.filepath, image.use_fake_user = "FILE", outside, True
        options = dict(settings=json.dumps({"render_output_root": OUT}), project=os.path.join(FOLDER, "project"), save=True)
        with self.assertRaisesRegex(RuntimeError, "pw.png"):  # as a missing file, it stops the job
            bpy.ops.flsync.submit(**options)
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.submit(missing="SEND", **options))
        s = state()
        self.assertTrue(s.ok and s.job_url and s.exit_code == 3, s.status)
        self.assertEqual(("WARNING", "Submitted, but with 1 file held back"), (s.outcome, s.status.split(";")[0]))
        self.assertEqual([(outside, "pw.png")], [(f.path, f.name) for f in s.findings if f.code == "held-back"])

    def test_required_setting_in_words(self):
        jobtypes = addon("jobtypes")
        render = jobtypes.find("simple-blender-render")
        root = next(s for s in render.settings if s.key == "render_output_root")
        self.assertTrue(root.property().keywords["name"].endswith("*"))
        setattr(jobtypes.fields_of(bpy.context.scene, render), root.attribute, "")
        with self.assertRaisesRegex(RuntimeError, "Fill in Render Output Root"):
            bpy.ops.flsync.submit()
        self.assertEqual("Fill in Render Output Root", state().status)

    def test_job_of_the_panel(self):
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.submit())
        self.assertEqual("queued", state().job_status)
        bpy.ops.flsync.job(action="pause")
        self.assertEqual("paused", state().job_status)
        bpy.ops.flsync.job(action="resume")
        self.assertEqual("queued", state().job_status)
        bpy.ops.flsync.job(action="cancel")
        self.assertIn(state().job_status, ("cancel-requested", "canceled"))

    def test_arguments_go_before_fields(self):
        bpy.ops.flsync.submit(
            settings=json.dumps({"frames": "1-2", "chunk_size": 2}), job_name="hook", priority=3, paused=True)
        job = next(j for j in jobs() if j["id"] == state().job_id)
        self.assertEqual(("hook", 3, "paused"), (job["name"], job["priority"], job["status"]))
        self.assertEqual(("1-2", 2), (job["settings"]["frames"], job["settings"]["chunk_size"]))

    def test_outside_and_absolute(self):
        """A texture elsewhere, under an absolute path, travels with the shot."""
        self.path = new_shot("outside", new_image(os.path.join(FOLDER, "elsewhere", "brick.png")))
        bpy.ops.flsync.submit(settings=json.dumps({"render_output_root": OUT}), project=os.path.join(FOLDER, "project"))
        self.assertEqual([2], [c["files"] for c in summary()["checkouts"]])
        self.assertEqual(1, summary()["jobs"]["submitted"])

    def test_missing_files_stop(self):
        lost = bpy.data.images["test_missing_files_stop.png"].filepath_from_user()
        os.remove(lost)
        with self.assertRaisesRegex(RuntimeError, "missing: .*test_missing_files_stop.png"):
            bpy.ops.flsync.submit()
        s = state()
        self.assertFalse(s.ok)
        self.assertEqual([lost], [m.path for m in s.missing])
        self.assertIn("test_missing_files_stop.png", s.missing[0].message)
        self.assertIn("Not submitted: 1 file missing", s.status)
        self.assertEqual(0, summary()["store"]["uploaded"], "nothing is sent")

        self.assertEqual({"FINISHED"}, bpy.ops.flsync.submit(missing="SEND"))
        self.assertEqual(1, summary()["jobs"]["submitted"])
        self.assertEqual([lost], [m.path for m in state().missing])

    def test_check(self):
        """What would spoil the render is listed, and each finding leads to what it is about."""
        scene = bpy.context.scene
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.check())
        self.assertEqual(("Nothing is missing", 0), (state().status.split(",")[0], len(state().missing)))
        before = {f.code for f in state().findings}
        image = bpy.data.images["test_check.png"]
        lost = image.filepath_from_user()
        os.remove(lost)
        nodes = bpy.data.materials["Material"].node_tree.nodes
        nodes.new("ShaderNodeTexImage").image = image
        scene.render.use_border = True
        scene.flsync.tag = ""
        bpy.ops.wm.save_mainfile()
        jobtypes = addon("jobtypes")
        render = jobtypes.find("simple-blender-render")
        root = next(s for s in render.settings if s.key == "render_output_root").attribute
        setattr(jobtypes.fields_of(scene, render), root, "")
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.check())
        self.assertEqual([(lost, "IMtest_check.png")], [(m.path, m.block) for m in state().missing])
        self.assertEqual({"render-region", "wrong-settings"}, {f.code for f in state().findings} - before)
        said = next(f for f in state().findings if f.code == "wrong-settings").message
        self.assertIn("needs the setting render_output_root", said)
        self.assertNotIn("--", said)
        self.assertTrue(state().ok)
        self.assertEqual("WARNING", state().outcome)

        for o in scene.objects:
            o.select_set(False)
        reveal = addon("reveal")
        self.assertEqual("Image test_check.png: selected Cube", reveal.reveal(bpy.context, "missing-file", state().missing[0].block, ""))
        self.assertEqual(["Cube"], [o.name for o in bpy.context.view_layer.objects.selected])
        self.assertEqual("", reveal.reveal(bpy.context, "missing-file", "IMgone.png", ""))

    def test_check_of_a_linked_file(self):
        """Of two data-blocks with one name the one from the library is shown."""
        library = self.path
        lost = bpy.data.images["test_check_of_a_linked_file.png"]
        material = bpy.data.materials["Material"]
        material.use_nodes = True
        material.node_tree.nodes.new("ShaderNodeTexImage").image = lost
        bpy.data.objects["Cube"].name = "Linked"
        bpy.ops.wm.save_mainfile()
        path = lost.filepath_from_user()
        new_shot("linking")
        bpy.data.objects["Cube"].name = "Linked"
        with bpy.data.libraries.load(library, link=True) as (_, wanted):
            wanted.objects = ["Linked"]
        bpy.context.scene.collection.objects.link(wanted.objects[0])
        bpy.ops.wm.save_mainfile()
        os.remove(path)
        bpy.ops.flsync.check()
        (finding,) = state().missing
        self.assertEqual("Object Linked: selected Linked",
                         addon("reveal").reveal(bpy.context, finding.code, finding.block, finding.library))
        self.assertTrue(bpy.context.view_layer.objects.active.library)

    def test_dry_run(self):
        before = len(jobs())
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.submit(dry_run=True))
        self.assertIn("Would send", state().status)
        self.assertEqual(before, len(jobs()))

    def test_sync_first(self):
        """What was sent before need not be sent in the evening."""
        before = len(jobs())
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.sync())
        self.assertEqual((before, 2), (len(jobs()), summary()["store"]["uploaded"]))
        bpy.ops.flsync.submit(save=False)
        self.assertEqual((0, 1), (summary()["store"]["uploaded"], summary()["jobs"]["submitted"]))

    def test_sync_whole_project(self):
        with open(os.path.join(FOLDER, "project", "notes.txt"), "w", encoding="utf-8") as f:
            f.write("for nobody's render")
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.sync(whole=True))
        self.assertGreaterEqual(summary()["store"]["uploaded"], 3)

    def test_project_of_the_preferences(self):
        prefs = bpy.context.preferences.addons["flsync_addon"].preferences
        self.addCleanup(setattr, prefs, "project", "")
        project_of = addon("properties").project_of
        scene = bpy.context.scene
        scene.flsync.project = ""
        prefs.project = os.path.join(FOLDER, "project")
        self.assertEqual(prefs.project, project_of(scene, self.path))
        prefs.project = os.path.join(FOLDER, "proj")  # the beginning of its name, but another folder
        self.assertEqual("", project_of(scene, self.path))


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Trouble(unittest.TestCase):
    def setUp(self):
        new_shot("trouble")
        self.prefs = bpy.context.preferences.addons["flsync_addon"].preferences
        self.addCleanup(setattr, self.prefs, "program", PROGRAM)
        self.addCleanup(setattr, self.prefs, "manager", MANAGER)

    def fails(self, pattern, operator, **arguments):
        with self.assertRaisesRegex(RuntimeError, pattern):
            operator(**arguments)
        self.assertFalse(state().running)

    def test_no_program(self):
        self.prefs.program = "/nowhere/flsync"
        self.fails("was not found", bpy.ops.flsync.check)

    def test_no_manager(self):
        """Something else answers at its address."""

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(404)
                self.end_headers()

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.prefs.manager = "http://127.0.0.1:%d" % server.server_port
            self.fails("127.0.0.1", bpy.ops.flsync.submit, settings='{"render_output_root": "/r"}')
            server.shutdown()
        self.assertEqual(4, state().exit_code)

        self.assertIn("does not answer as a Manager", state().status)

    @unittest.skipIf(os.name == "nt", "no such program")
    def test_another_program(self):
        known = [t.name for t in addon("jobtypes").known()]
        self.prefs.program = "/bin/true"
        self.fails("is not flsync", bpy.ops.flsync.check)
        self.fails("is not flsync", bpy.ops.flsync.refresh)
        self.fails("is not flsync", bpy.ops.flsync.submit, settings='{"render_output_root": "/r"}')
        self.assertEqual(known, [t.name for t in addon("jobtypes").known()], "what was known is kept")

    def test_flags(self):
        self.addCleanup(setattr, self.prefs, "arguments", "")
        self.addCleanup(setattr, self.prefs, "submit_arguments", "")
        self.prefs.arguments = "--blender /usr/bin/blender"
        self.fails("--blender is no flag of every run", bpy.ops.flsync.check)
        self.prefs.arguments, self.prefs.submit_arguments = "--header 'X-A: 1'", "--limit-upload 100M"
        for operator in (bpy.ops.flsync.refresh, bpy.ops.flsync.check, bpy.ops.flsync.sync):
            self.assertEqual({"FINISHED"}, operator())
        bpy.ops.flsync.submit(settings='{"render_output_root": "/r"}', dry_run=True)

    def test_offline(self):
        if not hasattr(bpy.app, "online_access") or bpy.app.online_access:
            self.skipTest("this Blender is allowed to go online")
        self.addCleanup(setattr, self.prefs, "use_offline", True)
        self.prefs.use_offline = False
        self.fails("not allowed to go online", bpy.ops.flsync.refresh)
        self.fails("not allowed to go online", bpy.ops.flsync.submit)
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.check())

    def test_failed_save(self):
        """The panel does not go on to show how an earlier run ended."""
        bpy.ops.flsync.submit(settings=json.dumps({"render_output_root": OUT}))
        self.assertTrue(state().ok and state().job_url)
        folder = os.path.join(FOLDER, "gone")
        os.makedirs(folder)
        bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, "a.blend"))
        os.remove(os.path.join(folder, "a.blend"))
        os.rmdir(folder)
        self.fails(".", bpy.ops.flsync.submit, settings=json.dumps({"render_output_root": OUT}), save=True)
        self.assertEqual((False, "", "FAILED"), (state().ok, state().job_url, state().outcome))

    def test_startup_file(self):
        """It is saved without a name, and nothing is sent."""
        self.addCleanup(setattr, self.prefs, "upload_after_save", False)
        self.prefs.upload_after_save = True
        bpy.ops.wm.read_homefile(use_factory_startup=True)
        addon("handlers").after_save()
        self.assertEqual((False, ""), (state().uploading, state().upload_status))

    def test_plain_words(self):
        flsync = addon("flsync")

        class Ended:
            exit_code = 2
            errors = []

            def __init__(self, text):
                self.text = text

            def message(self):
                return self.text

        plain = addon("activity").plain
        for said, want in [
            ('--type: the Manager has no job type "x" (it has: y)', 'The Manager has no job type "x" (it has: y)'),
            ("/a/b c/s.blend: the job type t needs the setting r (text); give it under settings, or with --set r=…", "The job type t needs the setting r (text)"),
            ("goja: frames are wrong\n\tat stack", "Goja: frames are wrong"),
        ]:
            self.assertEqual(want, plain(Ended(said), ""))
        self.assertIn("No Manager is named yet", plain(Ended("wrong configuration: no Manager is named: give --manager URL"), ""))
        self.assertTrue(flsync.__version__)

    def test_setting_that_the_farm_refuses(self):
        self.fails("chunk_size", bpy.ops.flsync.submit, settings='{"render_output_root": "/r", "chunk_size": "many"}')
        self.assertEqual(2, state().exit_code)

    def test_settings_that_are_no_object(self):
        self.fails("JSON object", bpy.ops.flsync.submit, settings="[1]")
        self.fails("Expecting", bpy.ops.flsync.submit, settings="{")

    def test_never_saved(self):
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        self.fails("Save the file first", bpy.ops.flsync.submit)


class Background(unittest.TestCase):
    """What a window does, with its timer called from a loop."""

    def setUp(self):
        self.path = new_shot(self._testMethodName)
        self.activity = addon("activity")

    def drive(self, until=lambda: False):
        """Calls the timer until it has no more to do. Returns the longest time that it took, in seconds."""
        longest = 0.0
        while True:
            begun = time.perf_counter()
            again = self.activity.tick()
            longest = max(longest, time.perf_counter() - begun)
            if again is None or until():
                return longest
            time.sleep(0.005)

    def start(self, *paths, args=()):
        flsync = addon("flsync")
        program = addon("preferences").program()
        self.activity.begin(self.activity.Activity("sync", lambda: flsync.sync(*paths, no_checkout=True, args=args, program=program)))

    def test_many_files(self):
        folder = os.path.join(FOLDER, "many")
        os.makedirs(folder)
        for i in range(2000):
            with open(os.path.join(folder, "%04d.bin" % i), "wb") as f:
                f.write(os.urandom(8192))
        self.start(folder)
        self.assertTrue(state().running)
        factors = []
        longest = self.drive(lambda: factors.append(state().factor))
        self.assertEqual(sorted(factors), factors)
        self.assertTrue(state().ok, state().status)
        self.assertEqual(2000, summary()["store"]["uploaded"])
        print("\n2000 files: %.2f s, %d ticks, the longest %.1f ms" % (summary()["duration_s"], len(factors), 1000 * longest))

    def test_cancel(self):
        with open(os.path.join(FOLDER, "large.bin"), "wb") as f:
            f.write(os.urandom(4 << 20))
        self.start(os.path.join(FOLDER, "large.bin"), args=["--limit-upload", "100k"])
        self.drive(lambda: "Sending" in state().status)
        self.assertFalse(bpy.ops.flsync.submit.poll(), "one at a time")
        self.assertEqual({"FINISHED"}, bpy.ops.flsync.cancel())
        self.assertEqual("Stopping…", state().status)
        self.drive()
        self.assertEqual((False, False, 130), (state().running, state().ok, state().exit_code))
        self.assertFalse(bpy.ops.flsync.cancel.poll())
        self.assertTrue(bpy.ops.flsync.submit.poll())

    def test_progress_of_a_submission(self):
        """The bytes on the line are shown, also those of a file that is half sent, and a Manager that is away."""
        flsync = addon("flsync")
        told = []

        class Told:
            done, errors = False, []

            def poll(self):
                events, told[:] = told[:], []
                return events

        work = self.activity.Activity("submit", Told)

        def status(stage, done, total, at, **more):
            told.append(flsync.Progress(raw={}, stage=stage, done=done, total=total, elapsed_s=at, **more))
            work.advance()
            return work.status()

        self.assertEqual("Working…", work.status())
        self.assertEqual("Submitting 0 of 1", status("submit", 0, 1, 0.1))
        self.assertEqual("Reading files 5 of 9", status("hash", 5, 9, 0.2))
        sizes = {"bytes_total": 15_000_000}
        self.assertEqual("Sending 811 of 2,000 · 2.6 MB of 15 MB", status("upload", 811, 2000, 1, bytes_done=2_600_000, **sizes))
        status("upload", 811, 2000, 1.5, bytes_done=4_600_000, **sizes)
        self.assertEqual("Sending 811 of 2,000 · 6.6 MB of 15 MB · 4 MB/s · 2 s", status("upload", 811, 2000, 2, bytes_done=6_600_000, **sizes))
        away = "The Manager does not answer, trying again"
        told.append(flsync.Note(raw={}, message="checkout x is shared by 2 jobs"))
        work.advance()
        self.assertNotIn(away, work.status())
        told.append(flsync.Note(raw={}, code="unreachable", message="waiting for the Manager: dial tcp"))
        work.advance()
        self.assertIn(away, work.status())
        self.assertFalse(work.findings)
        self.assertIn(away, status("upload", 811, 2000, 9, bytes_done=6_600_000, **sizes))
        self.assertNotIn(away, status("upload", 812, 2000, 10, bytes_done=6_700_000, **sizes))

        work = self.activity.Activity("upload", Told)
        status("check", 2000, 2000, 1)
        self.assertTrue(status("upload", 200, 358, 2, bytes_done=1, **sizes).startswith("1,842 of 2,000 files at the farm already · Sending 200 of 358"))

    def test_waits_its_turn(self):
        """Another flsync that submits from the project is waited for."""
        turn = self.activity.TURN
        self.addCleanup(setattr, self.activity, "TURN", turn)
        self.activity.TURN = 0.2
        large = new_image(os.path.join(os.path.dirname(self.path), "turn.png"))
        bpy.data.images.load(large).use_fake_user = True
        bpy.ops.wm.save_mainfile()
        flsync, program = addon("flsync"), addon("preferences").program()
        settings = {"render_output_root": OUT}
        first = flsync.submit(self.path, settings=settings, name="first", args=["--limit-upload", "40k"], program=program)
        while not any(isinstance(e, flsync.Progress) for e in first.poll()):
            time.sleep(0.01)
        self.activity.begin(self.activity.Activity("submit", lambda: flsync.submit(
            self.path, settings=settings, name="second", program=program)))
        seen = set()
        self.drive(lambda: (seen.add(state().status), first.poll())[0])
        self.assertTrue(state().ok, state().status + state().details)
        self.assertTrue(any("waiting for it to end" in s for s in seen), seen)

    def test_upload_after_save(self):
        handlers = addon("handlers")
        self.assertIn(handlers.after_save, bpy.app.handlers.save_post)
        handlers.upload(self.path)
        self.assertTrue(state().uploading)
        self.assertTrue(bpy.ops.flsync.submit.poll(), "an upload is in nobody's way")
        self.drive()
        self.assertFalse(state().uploading)
        self.assertIn("1 of 1 file at the farm already", state().upload_status)
        bpy.ops.flsync.submit(settings=json.dumps({"render_output_root": OUT}), save=False)
        self.assertEqual((0, 1), (summary()["store"]["uploaded"], summary()["jobs"]["submitted"]))

    def test_unregister_while_at_work(self):
        with open(os.path.join(FOLDER, "large2.bin"), "wb") as f:
            f.write(os.urandom(4 << 20))
        self.start(os.path.join(FOLDER, "large2.bin"), args=["--limit-upload", "100k"])
        run = self.activity.current().run
        bpy.ops.preferences.addon_disable(module="flsync_addon")
        try:
            self.assertFalse(hasattr(bpy.types.Scene, "flsync_settings"))
            self.assertFalse(hasattr(bpy.types.Scene, "flsync"))
            bpy.ops.preferences.addon_enable(module="flsync_addon")
            self.assertEqual((False, ""), (state().running, state().status), "nothing sticks")
            while not run.done:
                run.poll()
                time.sleep(0.01)
            self.assertEqual(130, run.exit_code)
        finally:
            setUpModule()


if __name__ == "__main__":
    result = unittest.main(argv=["test_addon", "-v", *filter(None, os.environ.get("FLSYNC_CASES", "").split())], exit=False).result
    sys.stdout.flush()
    if not result.wasSuccessful() or not result.testsRun:
        raise SystemExit(1)
