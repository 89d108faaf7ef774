/* Both parties in one process, timed by process CPU time. */
#ifndef PIPE_BENCH_H
#define PIPE_BENCH_H

#include <libotr/proto.h>

/* Prints one JSON line; returns an exit status: 0, 1 (a run failed) or 2 (no such benchmark). */
int bench_run(const char *what, unsigned long n, OtrlPolicy policy);

#endif
