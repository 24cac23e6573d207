// Package eval computes the values of job settings that follow from the scene.
//
// A job type of Flamenco gives a Python expression for a setting, for example
// f'{C.scene.frame_start}-{C.scene.frame_end}', and the add-on evaluates it inside Blender. This package
// evaluates the part of Python that public job types use, over plain facts of the scene. Begin with [New] and
// [Env].
//
// # What an expression can use
//
// The names that the add-on provides: bpy, C, Path, abspath, last_n_dir_parts, settings, jobname; the facts
// of the scene under bpy.context, bpy.data and C; + - * / // %, comparisons, conditionals, and, or, not, in;
// f-strings with formats such as 04d and .2f; sets, lists and tuples behind in; str and bool, int and float
// of numbers; common methods of str and Path; basename and abspath of bpy.path.
//
// Everything else is [ErrNeedsBlender]: unknown names, items and slices, comprehensions, dicts, powers,
// arguments with names, integers beyond 64 bits, letter case outside of Latin. A value comes back only where
// it is the one that Python gives. [Blender] evaluates the rest in a background Blender, after
// [CheckForBlender].
//
// # Caveats
//
// An expression comes from a server. One [Evaluator] bounds the operations and the memory of all its
// expressions together; they read nothing but what they are given.
//
// Two of the add-on's rules differ on purpose: a path that begins with a variable of the Manager, such as
// {storage}/renders, is absolute, and the absolute form of a relative path is ErrNeedsBlender.
package eval
