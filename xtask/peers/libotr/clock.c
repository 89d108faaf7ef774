#include "clock.h"

#include <time.h>

static time_t ahead;

/* A shared library finds this time() before the C library's. */
time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += ahead;
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

void clock_advance(double now)
{
    double difference = now - (double)time(NULL);
    if (difference > 0 && difference < 4e9)
        ahead += (time_t)difference;
}
