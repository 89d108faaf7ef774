/* The commands of the pipe language; each returns NULL or an error code. */
#include "commands.h"

#include "clock.h"
#include "json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *const USAGE = "usage";

/* ---- Reading members ---- */

static const char *text_of(const struct json_object *command, const char *key)
{
    const struct json_member *member = json_get(command, key);
    return member && member->type == JSON_STRING ? member->string : NULL;
}

/* Absent, null or of the wanted type. */
static int is_optional(const struct json_object *command, const char *key, enum json_type type)
{
    const struct json_member *member = json_get(command, key);
    return !member || member->type == JSON_NULL || member->type == type;
}

static int integer_of(const struct json_object *command, const char *key, double maximum, unsigned int *value)
{
    const struct json_member *member = json_get(command, key);
    if (!member || member->type != JSON_NUMBER || !(member->number >= 0 && member->number <= maximum))
        return 0;
    *value = (unsigned int)member->number;
    return (double)*value == member->number;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes in place; returns the number of bytes or -1. */
static long unhex(char *text)
{
    size_t length = strlen(text);
    if (length % 2 != 0)
        return -1;
    for (size_t i = 0; i < length / 2; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        text[i] = (char)(high << 4 | low);
    }
    return (long)(length / 2);
}

/* ---- The commands ---- */

static const char *do_query(struct endpoint *self, const struct json_object *command)
{
    (void)command;
    return endpoint_query(self);
}

static const char *do_recv(struct endpoint *self, const struct json_object *command)
{
    const char *line = text_of(command, "msg");
    if (!line || !is_optional(command, "delayed", JSON_STRING) || !is_optional(command, "archived", JSON_BOOL))
        return USAGE;
    return endpoint_receive(self, line);
}

static const char *do_send(struct endpoint *self, const struct json_object *command)
{
    const char *text = text_of(command, "text"), *id = text_of(command, "id"), *trouble;
    struct json_writer out;
    if (!text || !is_optional(command, "id", JSON_STRING))
        return USAGE;
    trouble = endpoint_send(self, text);
    if (!trouble && id && self->encrypted_text) {
        json_begin(&out, self->events);
        json_string(&out, "ev", "sent");
        json_string(&out, "id", id);
        json_end(&out);
    }
    return trouble;
}

static const char *do_clear(struct endpoint *self, const struct json_object *command)
{
    const char *text = text_of(command, "text");
    if (!text)
        return USAGE;
    self->inject(self, text);
    return NULL;
}

static const char *do_smp_start(struct endpoint *self, const struct json_object *command)
{
    const char *secret = text_of(command, "secret");
    if (!secret || !is_optional(command, "question", JSON_STRING))
        return USAGE;
    return endpoint_smp_start(self, secret, text_of(command, "question"));
}

static const char *do_smp_respond(struct endpoint *self, const struct json_object *command)
{
    const char *secret = text_of(command, "secret");
    return secret ? endpoint_smp_respond(self, secret) : USAGE;
}

static const char *do_smp_abort(struct endpoint *self, const struct json_object *command)
{
    (void)command;
    return endpoint_smp_abort(self);
}

static const char *do_symkey(struct endpoint *self, const struct json_object *command)
{
    const char *data = text_of(command, "data"), *trouble;
    unsigned int use;
    char *bytes;
    long length;
    if (!integer_of(command, "use", UINT_MAX, &use) || !is_optional(command, "data", JSON_STRING))
        return USAGE;
    bytes = strdup(data ? data : "");
    if (!bytes)
        return "internal";
    length = unhex(bytes);
    trouble = length < 0 ? USAGE : endpoint_symkey(self, use, (const unsigned char *)bytes, (size_t)length);
    free(bytes);
    return trouble;
}

static const char *do_end(struct endpoint *self, const struct json_object *command)
{
    (void)command;
    endpoint_end(self);
    return NULL;
}

static const char *do_peer(struct endpoint *self, const struct json_object *command)
{
    const struct json_member *online = json_get(command, "online");
    if (!online || online->type != JSON_BOOL)
        return USAGE;
    self->online = online->number != 0;
    return NULL;
}

static const char *do_mtu(struct endpoint *self, const struct json_object *command)
{
    unsigned int value;
    if (!integer_of(command, "value", INT_MAX, &value))
        return USAGE;
    self->mtu = (int)value;
    return NULL;
}

/* With `now`, libotr's clock runs ahead from here on; it never goes back. */
static const char *do_poll(struct endpoint *self, const struct json_object *command)
{
    const struct json_member *now = json_get(command, "now");
    if (!is_optional(command, "now", JSON_NUMBER))
        return USAGE;
    if (now && now->type == JSON_NUMBER)
        clock_advance(now->number);
    endpoint_poll(self);
    return NULL;
}

/* How often the present sending key has been used: the upper half of its counter block. */
static unsigned long long uses_of_key(const ConnContext *context)
{
    const unsigned char *counter = context->context_priv->sesskeys[1][0].sendctr;
    unsigned long long uses = 0;
    for (int i = 0; i < 8; i++)
        uses = uses << 8 | counter[i];
    return uses;
}

static const char *do_state(struct endpoint *self, const struct json_object *command)
{
    ConnContext *context = endpoint_context(self);
    struct json_writer out;
    (void)command;
    json_begin(&out, self->events);
    json_string(&out, "ev", "state");
    json_string(&out, "state", endpoint_state_name(self));
    json_unsigned(&out, "version", context ? context->protocol_version : 0);
    json_unsigned(&out, "our_instance", endpoint_instance(self));
    json_unsigned(&out, "their_instance", context ? context->their_instance : 0);
    json_unsigned(&out, "our_keyid", context ? context->context_priv->our_keyid : 0);
    json_unsigned(&out, "their_keyid", context ? context->context_priv->their_keyid : 0);
    json_unsigned(&out, "uses_of_key", context ? uses_of_key(context) : 0);
    json_unsigned(&out, "threshold", 0);
    json_unsigned(&out, "queued", 0);
    json_string(&out, "trust",
                context && context->active_fingerprint &&
                        otrl_context_is_fingerprint_trusted(context->active_fingerprint)
                    ? "verified"
                    : "unverified");
    json_unsigned(&out, "generation", context ? context->context_priv->generation : 0);
    json_end(&out);
    return NULL;
}

static const char *do_outbox(struct endpoint *self, const struct json_object *command)
{
    struct json_writer out;
    (void)command;
    json_begin(&out, self->events);
    json_string(&out, "ev", "outbox");
    json_empty_array(&out, "items");
    json_end(&out);
    return NULL;
}

static const char *do_ack(struct endpoint *self, const struct json_object *command)
{
    (void)self; /* libotr keeps nothing for the application */
    return text_of(command, "id") ? NULL : USAGE;
}

static const struct {
    const char *name;
    const char *(*run)(struct endpoint *self, const struct json_object *command);
} COMMANDS[] = {
    {"query", do_query},           {"recv", do_recv},           {"send", do_send},     {"clear", do_clear},
    {"smp_start", do_smp_start},   {"smp_respond", do_smp_respond},                    {"smp_abort", do_smp_abort},
    {"symkey", do_symkey},         {"end", do_end},             {"peer", do_peer},     {"mtu", do_mtu},
    {"poll", do_poll},             {"state", do_state},         {"outbox", do_outbox}, {"ack", do_ack},
};

const char *run_command(struct endpoint *self, const char *name, const struct json_object *command)
{
    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++)
        if (strcmp(COMMANDS[i].name, name) == 0)
            return COMMANDS[i].run(self, command);
    return USAGE;
}
