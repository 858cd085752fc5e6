"""Files beside Python's bytecode, with what a process derives from installed packages for the next one: `files` for whole files,
`generated_code` for the methods of dataclasses. Imports nothing of Sagewright."""
