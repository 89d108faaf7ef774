#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- Reading ---- */

struct reader {
    const char *at;
    const char *end;
};

static const char *const OUT_OF_MEMORY = "out of memory";

static void skip_blanks(struct reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\r' || *in->at == '\n'))
        in->at++;
}

static int take(struct reader *in, char wanted)
{
    if (in->at >= in->end || *in->at != wanted)
        return 0;
    in->at++;
    return 1;
}

static int take_word(struct reader *in, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, word, length) != 0)
        return 0;
    in->at += length;
    return 1;
}

static int take_hex4(struct reader *in, uint32_t *value)
{
    uint32_t sum = 0;
    if (in->end - in->at < 4)
        return 0;
    for (int i = 0; i < 4; i++) {
        char c = *in->at++;
        if (c >= '0' && c <= '9')
            sum = sum * 16 + (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            sum = sum * 16 + (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            sum = sum * 16 + (uint32_t)(c - 'A' + 10);
        else
            return 0;
    }
    *value = sum;
    return 1;
}

/* Encodes a code point; a \uXXXX escape is six bytes long, so the result never outgrows its source. */
static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | (c >> 6));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | (c >> 12));
        *to++ = (char)(0x80 | ((c >> 6) & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | (c >> 18));
        *to++ = (char)(0x80 | ((c >> 12) & 0x3f));
        *to++ = (char)(0x80 | ((c >> 6) & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* Length of the well-formed UTF-8 sequence at `at`, or 0. */
static size_t utf8_length(const unsigned char *at, size_t available)
{
    unsigned char c = at[0];
    size_t length;
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf) {
        length = 2;
    } else if (c >= 0xe0 && c <= 0xef) {
        length = 3;
        if (c == 0xe0)
            low = 0xa0; /* overlong below */
        if (c == 0xed)
            high = 0x9f; /* surrogates above */
    } else if (c >= 0xf0 && c <= 0xf4) {
        length = 4;
        if (c == 0xf0)
            low = 0x90;
        if (c == 0xf4)
            high = 0x8f; /* beyond U+10FFFF */
    } else {
        return 0;
    }
    if (available < length || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (at[i] < 0x80 || at[i] > 0xbf)
            return 0;
    return length;
}

static const char *take_escape(struct reader *in, char **to)
{
    uint32_t c, low;
    if (in->at >= in->end)
        return "unfinished escape";
    switch (*in->at++) {
    case '"': c = '"'; break;
    case '\\': c = '\\'; break;
    case '/': c = '/'; break;
    case 'b': c = '\b'; break;
    case 'f': c = '\f'; break;
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case 'u':
        if (!take_hex4(in, &c))
            return "bad \\u escape";
        if (c >= 0xdc00 && c <= 0xdfff)
            return "lone surrogate";
        if (c >= 0xd800 && c <= 0xdbff) {
            if (!take_word(in, "\\u") || !take_hex4(in, &low) || low < 0xdc00 || low > 0xdfff)
                return "lone surrogate";
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
        if (c == 0)
            return "a text cannot hold U+0000";
        break;
    default:
        return "unknown escape";
    }
    *to = put_utf8(*to, c);
    return NULL;
}

static const char *take_string(struct reader *in, char **result)
{
    const char *refusal;
    char *text, *to;
    if (!take(in, '"'))
        return "expected a string";
    text = to = malloc((size_t)(in->end - in->at) + 1);
    if (!text)
        return OUT_OF_MEMORY;
    for (;;) {
        size_t length;
        if (in->at >= in->end) {
            refusal = "unfinished string";
            break;
        }
        if (take(in, '"')) {
            *to = '\0';
            *result = text;
            return NULL;
        }
        if (take(in, '\\')) {
            refusal = take_escape(in, &to);
            if (refusal)
                break;
            continue;
        }
        if ((unsigned char)*in->at < 0x20) {
            refusal = "control character in a string";
            break;
        }
        length = utf8_length((const unsigned char *)in->at, (size_t)(in->end - in->at));
        if (length == 0) {
            refusal = "not UTF-8";
            break;
        }
        memcpy(to, in->at, length);
        to += length;
        in->at += length;
    }
    free(text);
    return refusal;
}

static int digits(struct reader *in)
{
    const char *start = in->at;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
        in->at++;
    return in->at > start;
}

static const char *take_number(struct reader *in, double *value)
{
    char copy[64];
    const char *start = in->at;
    size_t length;
    take(in, '-');
    if (!take(in, '0') && !digits(in))
        return "expected a value (no arrays or objects inside a command)";
    if (take(in, '.') && !digits(in))
        return "bad number";
    if (take(in, 'e') || take(in, 'E')) {
        if (!take(in, '+'))
            take(in, '-');
        if (!digits(in))
            return "bad number";
    }
    length = (size_t)(in->at - start);
    if (length >= sizeof copy)
        return "number too long";
    memcpy(copy, start, length);
    copy[length] = '\0';
    *value = strtod(copy, NULL);
    return NULL;
}

static const char *take_value(struct reader *in, struct json_member *member)
{
    if (in->at < in->end && *in->at == '"') {
        member->type = JSON_STRING;
        return take_string(in, &member->string);
    }
    if (take_word(in, "true") || take_word(in, "false")) {
        member->type = JSON_BOOL;
        member->number = in->at[-2] == 'u'; /* tr-u-e or fal-s-e */
        return NULL;
    }
    if (take_word(in, "null")) {
        member->type = JSON_NULL;
        return NULL;
    }
    member->type = JSON_NUMBER;
    return take_number(in, &member->number);
}

const char *json_parse(struct json_object *object, const char *line, size_t length)
{
    struct reader in = {line, line + length};
    const char *refusal;
    memset(object, 0, sizeof *object);
    skip_blanks(&in);
    if (!take(&in, '{'))
        return "expected an object";
    skip_blanks(&in);
    if (!take(&in, '}')) {
        do {
            struct json_member *member;
            if (object->count == JSON_MAX_MEMBERS)
                return "too many members";
            member = &object->members[object->count++];
            skip_blanks(&in);
            refusal = take_string(&in, &member->key);
            if (refusal)
                return refusal;
            skip_blanks(&in);
            if (!take(&in, ':'))
                return "expected a colon";
            skip_blanks(&in);
            refusal = take_value(&in, member);
            if (refusal)
                return refusal;
            skip_blanks(&in);
        } while (take(&in, ','));
        if (!take(&in, '}'))
            return "expected a comma or a closing brace";
    }
    skip_blanks(&in);
    return in.at == in.end ? NULL : "something follows the object";
}

void json_free(struct json_object *object)
{
    for (size_t i = 0; i < object->count; i++) {
        free(object->members[i].key);
        free(object->members[i].string);
    }
    memset(object, 0, sizeof *object);
}

const struct json_member *json_get(const struct json_object *object, const char *key)
{
    for (size_t i = object->count; i-- > 0;)
        if (object->members[i].key && strcmp(object->members[i].key, key) == 0)
            return &object->members[i];
    return NULL;
}

/* ---- Writing ---- */

static void put_quoted(FILE *stream, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);
    putc('"', stream);
    while (left > 0) {
        size_t length = utf8_length(at, left);
        if (length == 0) {
            fputs("\\ufffd", stream); /* whatever a peer sends, the line stays UTF-8 */
            length = 1;
        } else if (*at == '"' || *at == '\\') {
            putc('\\', stream);
            putc(*at, stream);
        } else if (*at < 0x20 || *at == 0x7f) {
            fprintf(stream, "\\u%04x", *at);
        } else {
            fwrite(at, 1, length, stream);
        }
        at += length;
        left -= length;
    }
    putc('"', stream);
}

static void put_key(struct json_writer *writer, const char *key)
{
    if (writer->members++)
        putc(',', writer->stream);
    put_quoted(writer->stream, key);
    putc(':', writer->stream);
}

void json_begin(struct json_writer *writer, FILE *stream)
{
    writer->stream = stream;
    writer->members = 0;
    putc('{', stream);
}

void json_string(struct json_writer *writer, const char *key, const char *value)
{
    put_key(writer, key);
    put_quoted(writer->stream, value);
}

void json_hex(struct json_writer *writer, const char *key, const unsigned char *bytes, size_t length)
{
    put_key(writer, key);
    putc('"', writer->stream);
    for (size_t i = 0; i < length; i++)
        fprintf(writer->stream, "%02x", bytes[i]);
    putc('"', writer->stream);
}

void json_unsigned(struct json_writer *writer, const char *key, unsigned long long value)
{
    put_key(writer, key);
    fprintf(writer->stream, "%llu", value);
}

void json_decimal(struct json_writer *writer, const char *key, double value)
{
    put_key(writer, key);
    fprintf(writer->stream, "%.3f", value);
}

void json_bool(struct json_writer *writer, const char *key, int value)
{
    put_key(writer, key);
    fputs(value ? "true" : "false", writer->stream);
}

void json_null(struct json_writer *writer, const char *key)
{
    put_key(writer, key);
    fputs("null", writer->stream);
}

void json_empty_array(struct json_writer *writer, const char *key)
{
    put_key(writer, key);
    fputs("[]", writer->stream);
}

void json_end(struct json_writer *writer)
{
    fputs("}\n", writer->stream);
    if (fflush(writer->stream) != 0 || ferror(writer->stream))
        exit(1);
}
