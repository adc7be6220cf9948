// Package sandbox takes away from the calling process what a worker does not need, once and for good: resource limits,
// new privileges, every file but one (Landlock, where the kernel has it), and the system calls that write, connect,
// start programs or reach other processes (seccomp, where the kernel has it). It also measures the process's memory
// through files that it opened before the doors closed.
//
// The layers overlap on purpose: the engine's own locks are the first, these are for the day when the engine has a hole.
// It is no container: it does not change the root, the mounts or the network namespace, which an administrator can do
// around the whole program.
package sandbox
