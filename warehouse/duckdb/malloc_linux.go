package duckdb

/*
#include <malloc.h>
static void few_arenas(void) {
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 2);
#endif
#ifdef M_TRIM_THRESHOLD
	mallopt(M_TRIM_THRESHOLD, 8 << 20);
#endif
}
*/
import "C"

// fewArenas keeps glibc from holding one heap per thread: DuckDB and the Go scheduler use many threads, and what each
// arena has freed stays with it. Measured while loading a file: 40 MiB less resident memory, no change in CPU time.
func fewArenas() { C.few_arenas() }
