"""The only access to files that a job may have made: `/opt/ml`, its `/tmp`, and all else below HOST_DIRECTORY that it can write.

A job owns these trees while it runs, and its files remain after it has ended. So nothing here trusts a path:

- `descriptors` opens beneath a directory descriptor: no symbolic link, no magic link, no mount point, no `..` on the way;
- `jobfile` is a regular file by its descriptor, of the size it had when it was opened, read with a check between pieces;
- `walking` walks a tree by descriptors, without recursion, however deep, wide or oddly named;
- `directory` combines these, and makes directories, files and links beneath: new ones replace existing ones,
  and no existing file is ever opened for writing;
- `removal` deletes a tree in the same manner.

**Hard links** need no separate check. link(2) works within one mount only, and the job's writable directories are bind mounts of
its own directory, which contain no links to others' files: channels and environments are lower sides of overlays, where a link
makes a copy first. Since no existing file is opened for writing, a link that a job makes is never written through either.

Other code in `src` that accesses paths below HOST_DIRECTORY, and why it may: `host.json`, `agent.lock`, `reports.spool`,
`agent.log`, `mounts.json`, `inputs/`, `programs/` and the archives are in HOST_DIRECTORY itself, which no sandbox shows to the job
(plain shows everything, and is not a boundary); `OptMl.make` and `write_config`, `TreeMaker`, code and pipes write before the
process starts, into a directory made for this attempt, which contains nothing else except the warm pool's cache, at a separate
path.
"""
