/* The little JSON the pipe language needs: flat objects, one a line. */
#ifndef PIPE_JSON_H
#define PIPE_JSON_H

#include <stddef.h>
#include <stdio.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING };

struct json_member {
    char *key;
    enum json_type type;
    char *string;   /* JSON_STRING: UTF-8 without NUL */
    double number;  /* JSON_NUMBER; JSON_BOOL: 0 or 1 */
};

#define JSON_MAX_MEMBERS 16

struct json_object {
    struct json_member members[JSON_MAX_MEMBERS];
    size_t count;
};

/* Reads one object whose values are strings, numbers, booleans or null; nothing may follow it.
 * Returns NULL on success or the reason of the refusal (a constant string). The object must be
 * released with json_free in either case. */
const char *json_parse(struct json_object *object, const char *line, size_t length);
void json_free(struct json_object *object);

/* The last member of that name, or NULL. */
const struct json_member *json_get(const struct json_object *object, const char *key);

/* Writes one object to a stream, member by member. */
struct json_writer {
    FILE *stream;
    int members;
};

void json_begin(struct json_writer *writer, FILE *stream);
void json_string(struct json_writer *writer, const char *key, const char *value);
void json_hex(struct json_writer *writer, const char *key, const unsigned char *bytes, size_t length);
void json_unsigned(struct json_writer *writer, const char *key, unsigned long long value);
void json_decimal(struct json_writer *writer, const char *key, double value);
void json_bool(struct json_writer *writer, const char *key, int value);
void json_null(struct json_writer *writer, const char *key);
void json_empty_array(struct json_writer *writer, const char *key);
/* Ends the line and flushes it; a reader that went away ends the process. */
void json_end(struct json_writer *writer);

#endif
