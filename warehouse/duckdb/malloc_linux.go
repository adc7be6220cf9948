package duckdb

/*
#include <malloc.h>
static void few_arenas(void) {
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 2);
#endif
#ifdef M_MMAP_THRESHOLD
	// The engine's blocks of 256 KiB come and go by the thousand: from the heap, not each with a mapping of its own.
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	mallopt(M_TRIM_THRESHOLD, 32 << 20);
#endif
}
*/
import "C"

// fewArenas keeps glibc from holding one heap per thread: DuckDB and the Go scheduler use many threads, and what each
// arena has freed stays with it. Measured while loading a file: 40 MiB less resident memory, no change in CPU time.
func fewArenas() { C.few_arenas() }
