/* The clock that libotr reads, so that a test can let time pass. */
#ifndef CLOCK_H
#define CLOCK_H

/* Moves the clock ahead to `now`, in seconds since 1970; a moment that is past changes nothing. */
void clock_advance(double now);

#endif
