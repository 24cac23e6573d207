// Package hashcache tells the digests of files, and reads a file only when it must.
//
// # Basics
//
// [Open] opens a cache file, [Cache.Sum] gives the SHA-256 and BLAKE3 digests of a path, [Cache.Close] saves what was learned.
// [Cache.Lookup] answers without opening the file, or not at all: a walk can call it for each file that it meets and leave
// the misses to workers that call Sum. [HashFile] does without a cache.
//
// # When an entry is trusted
//
// An entry holds the [Stamp] that the file had when it was read: size, modification and change time, inode and device. If
// the file still has all of them, the digests stand, with two exceptions. A file that was read within one tick
// of the file system's clock after its last change may have changed once more in the same tick; and when the
// clock shows an earlier time than the entry does, it has been set back and times prove nothing. Then, and when the size
// alone agrees, the contents are compared by BLAKE3, and SHA-256 is left out if they are the same ([Rehashed]).
//
// A file without an entry may be a copy of one that has: a second index leads from size and BLAKE3 to SHA-256. Looking there
// means to read by BLAKE3 first and, if nothing is found, to read again. So the index is asked first for the size
// and the digest of the first 64 KiB, which are read anyway: what passes that is a copy with near certainty. See [Copied].
//
// # Caveats
//
// A program that changes a file and has the clock of the file system say otherwise is not noticed; [Config.Verify] trusts
// no time and reads everything. The same holds for a file server whose clock lags behind ours and that is written to in the
// very tick that we read in, for a network mount that answers from its attribute cache (some seconds on NFS), and on
// Windows for a file that is changed in place and given its old time back.
// BLAKE3 is the faster digest only where it has vector code, on amd64. Where a core takes SHA-256 of two files in the time of
// one, it is hardly the faster one there either, see [WhenReadAgain].
//
// A cache is never the reason for a failure: what cannot be read or saved costs time and a warning. Several programs
// may use one cache at once; see the package internal/kv for how, and for what happens to a damaged file.
package hashcache
