"""Vectors of caches: Alembic and USD, volumes, point caches, fluids, oceans, mesh caches.

    blender -b --factory-startup --python-exit-code 1 -P testdata/blend/make/caches.py
"""

import glob
import os
import sys
import time

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vector import Vector, activate, add_object, cube, kit, poke  # noqa: E402

# First bytes only: Debian's Blender reads neither Alembic nor USD, and no test needs their contents.
ALEMBIC = b"Ogawa\xff\x00\x01" + bytes(8)
USD = b"#usda 1.0\n"
VDB = b" BDV\x00\x00\x00\x00\xe0\x00\x00\x00" + bytes(16)


def cache_files():
    v = Vector("18-cache-files")
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 3
    field = "CacheFile.filepath"

    def cache(path):
        bpy.ops.cachefile.open(filepath=v.at("abc", path))
        c = bpy.data.cache_files[-1] if len(bpy.data.cache_files) == 1 else next(c for c in bpy.data.cache_files if c.name not in known)
        known.add(c.name)
        c.filepath = "//abc/" + path
        c.use_fake_user = True
        return c

    known = set()
    ob = cube("cached")

    kit.write(v.at("abc/single.abc"), ALEMBIC)
    ob.modifiers.new("single", "MESH_SEQUENCE_CACHE").cache_file = cache("single.abc")
    v.required("abc/single.abc", "cache", field, "of a modifier")

    for n in range(1, 6):
        kit.write(v.at(f"abc/seq_{n:03}.abc"), ALEMBIC)
        if n <= 3:
            v.required(f"abc/seq_{n:03}.abc", "cache-sequence", field + " + .is_sequence")
        else:
            v.optional(f"abc/seq_{n:03}.abc", "cache-sequence", "same sequence, outside the scene's frames")
    kit.write(v.at("abc/seq_0001.abc"), ALEMBIC)
    v.forbidden("abc/seq_0001.abc", "other padding")
    kit.write(v.at("abc/seq_001_old.abc"), ALEMBIC)
    v.forbidden("abc/seq_001_old.abc", "other stem")
    seq = cache("seq_001.abc")
    seq.is_sequence = True
    ob.modifiers.new("seq", "MESH_SEQUENCE_CACHE").cache_file = seq

    kit.write(v.at("abc/constraint.usda"), USD)
    ob.constraints.new("TRANSFORM_CACHE").cache_file = cache("constraint.usda")
    v.required("abc/constraint.usda", "cache", field, "of a constraint")

    for n in range(1, 4):
        kit.write(v.at(f"abc/rig.{n:04}.usd"), USD)
        v.required(f"abc/rig.{n:04}.usd", "cache-sequence", field + " + .is_sequence", "a sequence that a constraint alone uses")
    rig = cache("rig.0001.usd")
    rig.is_sequence = True
    ob.constraints.new("TRANSFORM_CACHE").cache_file = rig

    base = cache("base.abc")
    for name in ("base", "layer", "hidden"):
        kit.write(v.at(f"abc/{name}.abc"), ALEMBIC)
    v.required("abc/base.abc", "cache", field)
    base.layers.new(filepath="//abc/layer.abc")
    v.required("abc/layer.abc", "cache", "CacheFileLayer.filepath", "a layer over base.abc")
    base.layers.new(filepath="//abc/hidden.abc").hide_layer = True
    v.optional("abc/hidden.abc", "cache", "a hidden layer", "CacheFileLayer.filepath")
    ob.modifiers.new("base", "MESH_SEQUENCE_CACHE").cache_file = base

    kit.write(v.at("abc/curves.abc"), ALEMBIC)
    curve = add_object("hair", bpy.data.curves.new("hair", "CURVE"))
    curve.modifiers.new("hair", "MESH_SEQUENCE_CACHE").cache_file = cache("curves.abc")
    v.required("abc/curves.abc", "cache", field, "of a curve object")

    cache("gone.abc")
    v.missing("abc/gone.abc", "cache", field)
    for n in (1, 2):
        kit.write(v.at(f"abc/not_seq_{n}.abc"), ALEMBIC)
    cache("not_seq_1.abc")
    v.required("abc/not_seq_1.abc", "cache", field, "ends in a number, but is no sequence")
    v.forbidden("abc/not_seq_2.abc", "the cache file is no sequence")
    v.save()
    v.finish()


def volumes():
    v = Vector("19-volumes")
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 3
    field = "Volume.filepath"

    def volume(name, path):
        vol = bpy.data.volumes.new(name)
        vol.filepath = path
        add_object(name, vol)
        return vol

    kit.write(v.at("vdb/cloud.vdb"), VDB)
    volume("cloud", "//vdb/cloud.vdb")
    v.required("vdb/cloud.vdb", "volume", field)
    for n in range(10, 14):
        kit.write(v.at(f"vdb/smoke_{n:04}.vdb"), VDB)
        if n <= 12:
            v.required(f"vdb/smoke_{n:04}.vdb", "volume-sequence", field + " + .is_sequence")
        else:
            v.optional(f"vdb/smoke_{n:04}.vdb", "volume-sequence", "same sequence, after its last frame")
    kit.write(v.at("vdb/smoke_010.vdb"), VDB)
    v.forbidden("vdb/smoke_010.vdb", "other padding")
    kit.write(v.at("vdb/smoke_0010_low.vdb"), VDB)
    v.forbidden("vdb/smoke_0010_low.vdb", "other stem")
    smoke = volume("smoke", "//vdb/smoke_0010.vdb")
    smoke.is_sequence = True
    smoke.frame_start, smoke.frame_duration, smoke.frame_offset = 1, 3, 9
    volume("gone", "//vdb/gone.vdb")
    v.missing("vdb/gone.vdb", "volume", field)
    volume("no path", "")
    v.save()
    v.finish()


def disk_caches(v, prefix, by=None):
    """Objects with a disk cache each, really baked for three frames. Returns nothing: tell() reads the folder."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 3

    def disk(cache, name=""):
        cache.name = name
        cache.frame_start, cache.frame_end = 1, 3
        cache.use_disk_cache = True

    cloth = cube(prefix + "Cloth")
    cloth.modifiers.new("Cloth", "CLOTH")
    disk(cloth.modifiers["Cloth"].point_cache)

    soft = cube(prefix + "Soft")
    soft.modifiers.new("Soft", "SOFT_BODY")
    disk(soft.modifiers["Soft"].point_cache, prefix + "jelly")

    emitter = cube(prefix + "Emitter")
    system = emitter.modifiers.new("Particles", "PARTICLE_SYSTEM").particle_system
    system.settings.count = 3
    system.settings.frame_end = 2
    disk(system.point_cache)

    body = cube(prefix + "Body")
    bpy.ops.rigidbody.world_add()
    world = scene.rigidbody_world
    world.collection = bpy.data.collections.new(prefix + "Bodies")
    world.collection.objects.link(body)
    disk(world.point_cache, prefix + "rigid")

    canvas = cube(prefix + "Canvas")
    canvas.modifiers.new("Paint", "DYNAMIC_PAINT")
    activate(canvas)
    bpy.ops.dpaint.type_toggle(type="CANVAS")
    surface = canvas.modifiers["Paint"].canvas_settings.canvas_surfaces[0]
    surface.surface_format = "VERTEX"
    surface.frame_start, surface.frame_end = 1, 3
    disk(surface.point_cache, prefix + "wet")


def bake():
    bpy.ops.ptcache.free_bake_all()
    bpy.ops.ptcache.bake_all(bake=True)


def tell(v, folder, why=""):
    """Every file that Blender wrote into a cache folder is needed to show the baked frames."""
    names = sorted(os.listdir(v.at(folder)))
    assert names, folder
    for name in names:
        assert name.endswith(".bphys"), name
        v.required(f"{folder}/{name}", "point-cache", "PointCache.flag/.name/.index", why)
    return names


def hexname(name):
    return name.encode().hex().upper()


def point_cache_disk():
    v = Vector("20-point-cache-disk", main="shots/sim.blend")
    disk_caches(v, "")
    v.save()
    bake()
    names = tell(v, "shots/blendcache_sim")
    for start in (hexname("Cloth"), "jelly", hexname("Emitter"), "rigid", "wet"):
        assert any(n.startswith(start + "_") for n in names), (start, names)
    for name, why in [
        ("shots/blendcache_other/jelly_000001_00.bphys", "the cache folder of another blend file"),
        ("blendcache_sim/jelly_000001_00.bphys", "beside another folder's blend file"),
        ("shots/blendcache_sim/jelly2_000001_00.bphys", "another cache's name"),
        ("shots/blendcache_sim/jelly_000001_07.bphys", "another cache's index"),
    ]:
        kit.write(v.at(name), "BPHYSICS")
        v.forbidden(name, why)
    # Caches in memory only: nothing of them is on disk, whatever lies there.
    memory = cube("Memory")
    memory.modifiers.new("Cloth", "CLOTH").point_cache.name = "memory"
    kit.write(v.at("shots/blendcache_sim/memory_000001_00.bphys"), "BPHYSICS")
    v.forbidden("shots/blendcache_sim/memory_000001_00.bphys", "the cache is kept in the blend file")
    v.save()
    v.finish()


def point_cache_external():
    v = Vector("21-point-cache-external")
    bpy.context.scene.frame_end = 3

    def external(name, path, cache_name, index=None):
        ob = cube(name)
        cache = ob.modifiers.new("Cloth", "CLOTH").point_cache
        cache.use_external = True
        cache.name = cache_name
        if index is not None:
            cache.index = index
        cache.filepath = path
        cache.name = cache_name
        return cache

    # A real cache to copy from.
    source = cube("Source")
    cache = source.modifiers.new("Cloth", "CLOTH").point_cache
    cache.name, cache.use_disk_cache = "flow", True
    cache.frame_start, cache.frame_end = 1, 3
    v.save()
    bake()
    made = sorted(glob.glob(v.at("blendcache_main/*")))
    assert len(made) == 3, made
    for n, path in enumerate(made, 1):
        data = open(path, "rb").read()
        kit.write(v.at(f"sim/cloth/flow_{n:06}_00.bphys"), data)
        kit.write(v.at(f"sim/cloth/flow_{n:06}_03.bphys"), data)
        os.remove(path)
    os.rmdir(v.at("blendcache_main"))

    v.begin()
    bpy.context.scene.frame_end = 3
    external("zero", "//sim/cloth", "flow", 0)
    external("three", "//sim/cloth/", "flow", 3)
    external("gone", "//sim/gone/", "flow", 0)
    field = "PointCache.path + .name + .index"
    for n in (1, 2, 3):
        v.required(f"sim/cloth/flow_{n:06}_00.bphys", "point-cache", field)
        v.required(f"sim/cloth/flow_{n:06}_03.bphys", "point-cache", field, "the same name with another index, of another object")
    for path, why in [
        ("sim/cloth/flow_000001_05.bphys", "an index that no cache has"),
        ("sim/cloth/other_000001_00.bphys", "a name that no cache has"),
        ("sim/cloth/flow_000001.bphys", "without an index, where caches have one"),
        ("blendcache_main/flow_000001_00.bphys", "the folder of disk caches, which external ones do not use"),
    ]:
        kit.write(v.at(path), "BPHYSICS")
        v.forbidden(path, why)
    v.missing("sim/gone", "point-cache", field, "the folder is not there")
    v.save()
    v.finish()


def point_cache_linked():
    v = Vector("22-point-cache-linked", main="shots/main.blend")
    v.begin("lib/char.blend")
    cloths = {}
    for name in ("Linked", "Local"):
        ob = cube(name)
        cache = ob.modifiers.new("Cloth", "CLOTH").point_cache
        cache.frame_start, cache.frame_end = 1, 3
        cache.name, cache.use_disk_cache = name.lower(), True
        cloths[name] = cache
    bpy.context.scene.frame_end = 3
    v.save("lib/char.blend")
    bake()
    cloths["Local"].use_library_path = False
    v.save("lib/char.blend")
    v.begin()
    scene = bpy.context.scene
    for ob in kit.link(v.at("lib/char.blend"), "objects", "Linked", "Local"):
        scene.collection.objects.link(ob)
    v.save()
    v.required("lib/char.blend", "library", "Library.name")
    field = "PointCache.flag/.name/.index"
    for n in (1, 2, 3):
        there, here = f"lib/blendcache_char/local_{n:06}_00.bphys", f"shots/blendcache_main/local_{n:06}_00.bphys"
        kit.write(v.at(here), open(v.at(there), "rb").read())
        v.required(f"lib/blendcache_char/linked_{n:06}_00.bphys", "point-cache", field, "of a linked object: the library's folder and stem", by="lib/char.blend")
        v.required(here, "point-cache", field, "of a linked object that does not use the library's path", by="lib/char.blend")
        v.optional(there, "point-cache", "beside the library, which uses it when it is opened itself", by="lib/char.blend")
        decoy = f"shots/blendcache_main/linked_{n:06}_00.bphys"
        kit.write(v.at(decoy), "BPHYSICS")
        v.forbidden(decoy, "a linked object's cache is not beside the shot")
    v.finish()


def fluid():
    v = Vector("23-fluid")
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 2
    domain = cube("Domain", size=2)
    domain.scale.z = 2
    mesh = domain.data
    mesh.clear_geometry()
    corners = [(x, y, z) for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)]
    mesh.from_pydata(corners, [], [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)])
    modifier = domain.modifiers.new("Fluid", "FLUID")
    modifier.fluid_type = "DOMAIN"
    settings = modifier.domain_settings
    settings.domain_type = "GAS"
    settings.resolution_max = 6
    settings.cache_type = "ALL"
    settings.cache_frame_start, settings.cache_frame_end = 1, 2
    settings.cache_directory = "//cache_fluid"
    flow = cube("Flow", size=0.3).modifiers.new("Fluid", "FLUID")
    flow.fluid_type = "FLOW"
    flow.flow_settings.flow_behavior = "INFLOW"
    v.save()
    activate(domain)
    bpy.ops.fluid.bake_all()
    v.save()
    found = sorted(os.path.relpath(os.path.join(d, f), v.folder) for d, _, fs in os.walk(v.at("cache_fluid")) for f in fs)
    assert any(f.endswith(".vdb") for f in found), found
    for path in found:
        v.required(path, "fluid-cache", "FluidDomainSettings.cache_directory")

    # A domain that was never baked, with the name of a folder that is not there.
    other = cube("Other domain").modifiers.new("Fluid", "FLUID")
    other.fluid_type = "DOMAIN"
    other.domain_settings.cache_directory = "//cache_gone"
    v.optional("cache_fluid_old/data/fluid_data_0001.vdb", "decoy", "the cache of an earlier version")
    kit.write(v.at("cache_fluid_old/data/fluid_data_0001.vdb"), VDB)
    v.save()
    v.finish()


def liquid():
    """A liquid has meshes and particles too, and here a folder that ends in a slash."""
    v = Vector("29-fluid-liquid")
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 2
    bpy.ops.mesh.primitive_cube_add(size=2)
    domain = bpy.context.object
    modifier = domain.modifiers.new("Fluid", "FLUID")
    modifier.fluid_type = "DOMAIN"
    settings = modifier.domain_settings
    settings.domain_type = "LIQUID"
    settings.resolution_max = 8
    settings.use_mesh = True
    settings.mesh_scale = 1
    settings.use_spray_particles = True
    settings.cache_type = "ALL"
    settings.cache_frame_start, settings.cache_frame_end = 1, 2
    settings.cache_directory = "//sim/liquid/"
    bpy.ops.mesh.primitive_cube_add(size=1)
    flow = bpy.context.object.modifiers.new("Fluid", "FLUID")
    flow.fluid_type = "FLOW"
    flow.flow_settings.flow_type = "LIQUID"
    v.save()
    activate(domain)
    bpy.ops.fluid.bake_all()
    v.save()
    found = sorted(os.path.relpath(os.path.join(d, f), v.folder) for d, _, fs in os.walk(v.at("sim/liquid")) for f in fs)
    assert any("/mesh/" in f for f in found), found
    for path in found:
        v.required(path, "fluid-cache", "FluidDomainSettings.cache_directory")
    kit.write(v.at("sim/other/data/fluid_data_0001.vdb"), VDB)
    v.forbidden("sim/other/data/fluid_data_0001.vdb", "the cache of something else")
    v.save()
    v.finish()


def ocean():
    v = Vector("24-ocean")
    scene = bpy.context.scene
    scene.frame_end = 2

    def sea(name, path, foam=False):
        ob = cube(name)
        o = ob.modifiers.new("Ocean", "OCEAN")
        o.geometry_mode = "DISPLACE"
        o.resolution = o.viewport_resolution = 1
        o.use_foam = foam
        o.frame_start, o.frame_end = 1, 2
        o.filepath = path
        return ob, o

    ob, o = sea("Sea", "//ocean/sea", foam=True)
    activate(ob)
    bpy.ops.object.ocean_bake(modifier="Ocean")
    while not os.path.exists(v.at("ocean/sea/foam_0002.exr")):
        time.sleep(0.1)
    # Baking ends in a window's event loop, which there is none of here: set what it would have set.
    poke(o, b"//ocean/sea", 1024 + 64 + 64, b"\x01")  # OceanModifierData.cached, two names behind .cachepath
    assert o.is_cached
    names = sorted(os.listdir(v.at("ocean/sea")))
    assert "disp_0001.exr" in names and "foam_0002.exr" in names, names
    for name in names:
        v.required(f"ocean/sea/{name}", "ocean-cache", "OceanModifierData.cachepath + .cached")
    kit.write(v.at("ocean/sea/notes.txt"), "decoy")
    v.optional("ocean/sea/notes.txt", "decoy", "in the cache's folder, but not of the cache")
    sea("Unbaked", "//ocean/unbaked")
    kit.write(v.at("ocean/unbaked/disp_0001.exr"), "decoy")
    v.forbidden("ocean/unbaked/disp_0001.exr", "the modifier is not baked: Blender computes the waves")
    v.save()
    v.finish()


def mesh_caches():
    v = Vector("27-mesh-cache")
    field = "MeshCacheModifierData.filepath"
    for name, kind in (("walk.mdd", "MDD"), ("run.pc2", "PC2"), ("hidden.mdd", "MDD")):
        kit.write(v.at("mc/" + name), bytes(64))
        m = cube(name).modifiers.new("Cache", "MESH_CACHE")
        m.cache_format = kind
        m.filepath = "//mc/" + name
        m.show_render = m.show_viewport = not name.startswith("hidden")
        if m.show_render:
            v.required("mc/" + name, "mesh-cache", field)
        else:
            v.optional("mc/" + name, "mesh-cache", "of a modifier that is switched off", field)
    m = cube("gone").modifiers.new("Cache", "MESH_CACHE")
    m.filepath = "//mc/gone.mdd"
    v.missing("mc/gone.mdd", "mesh-cache", field)
    cube("no path").modifiers.new("Cache", "MESH_CACHE")
    v.save()
    v.finish()


def multires():
    v = Vector("28-multires")
    ob = cube("Sculpt")
    ob.modifiers.new("Multires", "MULTIRES")
    activate(ob)
    bpy.ops.object.multires_subdivide(modifier="Multires")
    os.makedirs(v.at("sculpt"))
    bpy.ops.object.multires_external_save(filepath=v.at("sculpt/Sculpt.btx"), relative_path=True, modifier="Multires")
    v.save()
    assert os.path.exists(v.at("sculpt/Sculpt.btx"))
    v.required("sculpt/Sculpt.btx", "multires", "CustomDataExternal.filename")
    kit.write(v.at("sculpt/Other.btx"), "decoy")
    v.forbidden("sculpt/Other.btx", "on disk, not referenced")
    v.finish()


cache_files()
volumes()
point_cache_disk()
point_cache_external()
point_cache_linked()
fluid()
liquid()
ocean()
mesh_caches()
multires()
