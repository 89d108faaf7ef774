/* What a line of input can ask for. */
#ifndef PIPE_COMMANDS_H
#define PIPE_COMMANDS_H

#include "endpoint.h"
#include "json.h"

/* The code of every error that is the caller's; a pointer to compare with. */
extern const char *const USAGE;

/* Carries out a command (all but `quit`, which is the loop's). Returns NULL, USAGE when the command is
 * unknown or one of its members is missing or of the wrong type, or another code. */
const char *run_command(struct endpoint *self, const char *name, const struct json_object *command);

#endif
