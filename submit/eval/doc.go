// Package eval computes the values of job settings that follow from the scene.
//
// A job type of Flamenco says with a Python expression how a setting is found,
// for example f'{C.scene.frame_start}-{C.scene.frame_end}'. Its add-on evaluates
// them inside Blender. This package does so without: an expression is translated
// from Python to Starlark ([Translate]), every operator that the two languages
// see differently becoming a call to a function of ours, and run by
// go.starlark.net over plain facts of the scene.
//
// Begin with [New] and [Env]. What an expression names and this package does not
// know gives an error that is [ErrNeedsBlender]; [Blender] evaluates such
// expressions in a background Blender.
//
// # What an expression can use
//
// The names that the add-on provides: bpy, C, Path, abspath, last_n_dir_parts,
// settings, jobname; the facts of [Facts] under bpy.context, bpy.data and C; the
// string functions of bpy.path; Python's pure built-in functions and the methods
// of str, list, tuple and dict. All expressions of Python but assignments, await,
// yield, bytes, complex numbers and matrix products. F-strings may nest and use
// the same quotes inside, as from Python 3.12 on.
//
// # Caveats
//
// An expression comes from a server, so it is bounded in steps, in memory and, by
// the context, in time ([Limits]); it can read nothing but what it is given.
//
// Strings are sequences of code points, as in Python. A file name that is not
// valid UTF-8 can only be passed on whole; Python would use surrogates.
//
// Paths are POSIX paths. On Windows the add-on gives backslashes where this
// package gives slashes; Blender and Flamenco accept both.
package eval
