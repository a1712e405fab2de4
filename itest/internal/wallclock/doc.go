// Package wallclock makes the wall clock of this process wrong, and of no other one.
//
// A program in Go reads the time by calling a function that the kernel maps into each
// process, the vDSO's clock_gettime. The runtime keeps its address in a variable. [New]
// puts another function there, of a few bytes, which asks the kernel and adds as much as
// it is told when the question is about the wall clock. So time.Now is wrong everywhere
// in the process, in the runtime and in each library, from one instruction to the next,
// while the monotonic clock, timers and the machine's other processes are as ever. No
// library, compiler or right is needed for it.
package wallclock
