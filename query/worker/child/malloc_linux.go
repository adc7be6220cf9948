package child

/*
#include <malloc.h>
static void few_arenas(void) {
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 2);
#endif
}
*/
import "C"

// fewArenas keeps glibc from reserving 64 MiB of address space for every thread, which RLIMIT_AS would count.
func fewArenas() { C.few_arenas() }
