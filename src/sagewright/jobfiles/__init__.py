"""The one way to files that a job may have made: `/opt/ml`, its `/tmp`, and all else below HOST_DIRECTORY that it can write.

A job owns these trees while it runs, and whatever it left lies there when it has ended. So nothing here trusts a path:

- `descriptors` opens beneath a directory descriptor: no symbolic link, no magic link, no mount point, no `..` on the way;
- `jobfile` is a regular file by its descriptor, of the size it had when it was opened, read with a check between pieces;
- `walking` goes over a tree by descriptors, without recursion, however deep, wide or oddly named;
- `directory` puts these together, and makes directories, files and links beneath: new ones take the place of what is there,
  and nothing that is there is ever opened for writing;
- `removal` deletes a tree in the same manner.

**Hard links** need no check of their own. link(2) works within one mount only, and what the job can write is a bind mount of its
own directory, where nothing of others is linked: channels and environments are lower sides of overlays, where a link makes
a copy first. Since nothing that is there is opened for writing, a link that a job makes is never written through either.

What else in `src` goes to paths below HOST_DIRECTORY, and why it may: `host.json`, `agent.lock`, `reports.spool`, `agent.log`,
`mounts.json`, `inputs/`, `programs/` and the archives lie in HOST_DIRECTORY itself, which no sandbox shows to the job (plain shows
everything, and is no boundary); `OptMl.make` and `write_config`, `TreeMaker`, code and pipes write before the process starts, into
a directory made for this attempt, which holds nothing else but the warm pool's cache, at a place of its own.
"""
