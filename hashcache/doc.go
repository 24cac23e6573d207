// Package hashcache returns the digests of files, and reads a file only when it must.
//
// # Basics
//
// [Open] opens a cache file, [Cache.Sum] returns the digests of the file at a path, [Cache.Close] saves the
// new entries. [Cache.Lookup] answers without reading the file, or not at all: a walk can call it for each
// file that it meets and leave the misses to workers that call Sum. [HashFile] does without a cache.
//
// # When an entry is trusted
//
// An entry holds the [Stamp] that the file had when it was read: size, modification and change time, inode
// and device. If the file still has all of them, the digests stand, with two exceptions. A file that was read
// within one tick of the file system's clock after its last change may have changed once more in the same
// tick; and when the clock shows an earlier time than the entry does, it has been set back and times prove
// nothing. Then, and when only the size agrees, the contents are read and compared ([Rehashed]).
//
// # Caveats
//
// A program that changes a file and makes the clock of the file system say otherwise is not noticed;
// [Config.Verify] trusts no time and reads everything. The same holds for a file server whose clock lags
// behind ours, if the file is written to in the very tick in which it is read, and for a network mount that
// answers from its attribute cache (some seconds on NFS).
//
// On Windows a lookup opens the file for its attributes, because folder listings have no change time. That
// costs tens of microseconds on a local disk and two round trips on a network drive.
//
// A cache is never the reason for a failure: what cannot be read or saved costs time and a warning. Several
// programs may use one cache at once; the package internal/kv says how, and what happens to a damaged file.
package hashcache
