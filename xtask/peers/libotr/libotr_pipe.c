/* libotr behind the pipe language of docs/pipe.md: one account, one peer, JSON lines on stdin and
 * stdout; the program that starts it is the transport. Beyond the language it knows `--bench`. */
#include "bench.h"
#include "endpoint.h"
#include "json.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, EXIT_STORE = 3 };

struct options {
    const char *name, *peer, *bench;
    struct endpoint_files files;
    OtrlPolicy policy;
    int mtu, memory;
    unsigned long bench_n;
};

/* ---- Commands: each returns NULL or an error code ---- */

static const char *const USAGE = "usage";

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

/* libotr reads the clock itself, so `now` is only checked. */
static const char *do_poll(struct endpoint *self, const struct json_object *command)
{
    if (!is_optional(command, "now", JSON_NUMBER))
        return USAGE;
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

/* ---- The loop ---- */

static void print_inject(struct endpoint *self, const char *line)
{
    struct json_writer out;
    json_begin(&out, self->events);
    json_string(&out, "ev", "inject");
    json_string(&out, "msg", line);
    json_end(&out);
}

static void print_done(struct endpoint *self, const char *name)
{
    struct json_writer out;
    json_begin(&out, self->events);
    json_string(&out, "ev", "done");
    json_string(&out, "cmd", name);
    json_end(&out);
}

/* Carries out one line; returns 0 after `quit`. */
static int run_line(struct endpoint *self, const char *line, size_t length)
{
    struct json_object command;
    const char *refusal = json_parse(&command, line, length), *name, *trouble = NULL;
    size_t i, count = sizeof COMMANDS / sizeof COMMANDS[0];
    int go_on = 1;
    name = refusal ? NULL : text_of(&command, "cmd");
    if (!name) {
        endpoint_error(self, USAGE, refusal ? refusal : "a command has a text member \"cmd\"");
    } else if (strcmp(name, "quit") == 0) {
        go_on = 0;
    } else {
        for (i = 0; i < count && strcmp(COMMANDS[i].name, name) != 0; i++)
            ;
        if (i == count)
            endpoint_error(self, USAGE, "libotr has no such command");
        else if ((trouble = COMMANDS[i].run(self, &command)) != NULL)
            endpoint_error(self, trouble,
                           trouble == USAGE ? "a member is missing or has the wrong type" : "the command failed");
    }
    print_done(self, name ? name : "");
    json_free(&command);
    return go_on;
}

static void run(struct endpoint *self)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    int go_on = 1;
    while (go_on && (length = getline(&line, &capacity, stdin)) >= 0) {
        if (length > 0 && line[length - 1] == '\n')
            length--;
        if (length > 0)
            go_on = run_line(self, line, (size_t)length);
    }
    free(line);
}

static void print_ready(struct endpoint *self)
{
    struct json_writer out;
    unsigned char fingerprint[20] = {0};
    char impl[64];
    snprintf(impl, sizeof impl, "libotr %s", otrl_version());
    endpoint_fingerprint(self, fingerprint);
    json_begin(&out, self->events);
    json_string(&out, "ev", "ready");
    json_string(&out, "impl", impl);
    json_hex(&out, "fingerprint", fingerprint, sizeof fingerprint);
    json_unsigned(&out, "instance", endpoint_instance(self));
    json_string(&out, "state", endpoint_state_name(self));
    json_bool(&out, "restored", 0);
    json_end(&out);
}

/* ---- Arguments ---- */

static const char HELP[] =
    "usage: libotr_pipe --name ACCOUNT --peer USER (--memory | --libotr-key FILE [--libotr-instag FILE])\n"
    "                   [--policy v2,v3,require,wstag,wsstart,errstart] [--mtu BYTES]\n"
    "       libotr_pipe --bench keygen|ake|pingpong|burst100|burst10k|smp COUNT [--policy ...]\n";

static int refuse(int status, const char *code, const char *why)
{
    struct json_writer out;
    fprintf(stderr, "libotr_pipe: %s\n%s", why, status == EXIT_USAGE ? HELP : "");
    json_begin(&out, stdout);
    json_string(&out, "ev", "error");
    json_string(&out, "code", code);
    json_string(&out, "msg", why);
    json_end(&out);
    return status;
}

static int parse_policy(const char *text, OtrlPolicy *policy)
{
    static const struct {
        const char *word;
        OtrlPolicy bit;
    } words[] = {
        {"v2", OTRL_POLICY_ALLOW_V2},
        {"v3", OTRL_POLICY_ALLOW_V3},
        {"require", OTRL_POLICY_REQUIRE_ENCRYPTION},
        {"wstag", OTRL_POLICY_SEND_WHITESPACE_TAG},
        {"wsstart", OTRL_POLICY_WHITESPACE_START_AKE},
        {"errstart", OTRL_POLICY_ERROR_START_AKE},
    };
    *policy = 0;
    while (*text) {
        size_t length = strcspn(text, ","), i;
        for (i = 0; i < sizeof words / sizeof words[0]; i++)
            if (strlen(words[i].word) == length && strncmp(words[i].word, text, length) == 0)
                break;
        if (i == sizeof words / sizeof words[0])
            return 0;
        *policy |= words[i].bit;
        text += length;
        if (*text == ',')
            text++;
    }
    return 1;
}

static int parse_number(const char *text, unsigned long maximum, unsigned long *value)
{
    char *end;
    errno = 0;
    *value = strtoul(text, &end, 10);
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && *value <= maximum;
}

/* Returns NULL or what is wrong. */
static const char *parse_options(int argc, char **argv, struct options *options)
{
    enum { NAME = 1, PEER, POLICY, MTU, MEMORY, KEY, INSTAG, BENCH };
    static const struct option names[] = {
        {"name", required_argument, NULL, NAME},     {"peer", required_argument, NULL, PEER},
        {"policy", required_argument, NULL, POLICY}, {"mtu", required_argument, NULL, MTU},
        {"memory", no_argument, NULL, MEMORY},       {"libotr-key", required_argument, NULL, KEY},
        {"libotr-instag", required_argument, NULL, INSTAG},
        {"bench", required_argument, NULL, BENCH},   {NULL, 0, NULL, 0},
    };
    unsigned long number;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case NAME: options->name = optarg; break;
        case PEER: options->peer = optarg; break;
        case POLICY:
            if (!parse_policy(optarg, &options->policy))
                return "unknown word in --policy";
            break;
        case MTU:
            if (!parse_number(optarg, INT_MAX, &number))
                return "--mtu wants a number of bytes";
            options->mtu = (int)number;
            break;
        case MEMORY: options->memory = 1; break;
        case KEY: options->files.key = optarg; break;
        case INSTAG: options->files.instag = optarg; break;
        case BENCH: options->bench = optarg; break;
        default: return "unknown option or missing argument";
        }
    }
    if (options->bench) {
        if (optind + 1 != argc || !parse_number(argv[optind], 1000000000, &options->bench_n) || options->bench_n == 0)
            return "--bench wants a name and a count";
        return NULL;
    }
    if (optind != argc)
        return "too many arguments";
    if (!options->name || !options->peer)
        return "--name and --peer are needed";
    if (options->memory == (options->files.key != NULL))
        return "exactly one of --memory and --libotr-key is needed";
    if (options->files.instag && !options->files.key)
        return "--libotr-instag goes with --libotr-key";
    return NULL;
}

int main(int argc, char **argv)
{
    struct options options = {.policy = OTRL_POLICY_MANUAL};
    struct endpoint self = {.events = stdout, .online = 1, .inject = print_inject};
    const char *refusal = parse_options(argc, argv, &options);
    if (refusal)
        return refuse(EXIT_USAGE, USAGE, refusal);
    OTRL_INIT;
    if (options.bench)
        return bench_run(options.bench, options.bench_n, options.policy);
    self.name = options.name;
    self.peer = options.peer;
    self.policy = options.policy;
    self.mtu = options.mtu;
    refusal = endpoint_open(&self, &options.files);
    if (refusal) {
        endpoint_close(&self);
        return refuse(EXIT_STORE, "store", refusal);
    }
    print_ready(&self);
    run(&self);
    endpoint_close(&self);
    return 0;
}
