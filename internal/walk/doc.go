// Package walk lists the files of a project's tree: all that a farm may need, and nothing that must not leave
// the machine.
//
// # Basics
//
// [Walk] calls a function for each file while it goes: one call at a time, in no order. What it leaves out
// and may be missed it says through [Options.Warn], and what it could not read makes it return an
// [IncompleteError] at the end. It keeps no list: its memory is some megabytes, and eight bytes for each name
// of the folders that it is in.
//
// # What is left out
//
// In this order, the first that has an opinion wins:
//
//   - Options.Exclude: globs with ** and {a,b}. One without a slash is matched with names at any depth, one with a slash
//     with paths from the root; a slash at the end restricts it to folders.
//   - .flsyncignore files in the root and in any folder below, with the rules of gitignore(5). They can bring back with !
//     what the next line leaves out, but nothing inside a folder that is left out.
//   - Folders of version control systems, Blender's backups (x.blend1 to x.blend32) and unfinished saves (x.blend@), and
//     the litter of operating systems (.DS_Store, Thumbs.db, x~ and so on).
//
// # Links
//
// A symbolic link to a file inside the tree is listed as a file with the target's contents. One to a folder
// inside the tree is listed as a folder, with all that is in the target, under the link's path: scenes name
// files by that path. A link to a folder that is on the way from the root to the link is a loop and is
// skipped. One whose target lies outside the tree, or does not exist, is skipped with a warning.
//
// # Caveats
//
// The tree may change during the walk. A file is listed with what the system said of it at one moment; who
// reads it later has to look again. The same holds for links, which may point elsewhere by then.
package walk
