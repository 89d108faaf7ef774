/* libotr behind the pipe language of docs/pipe.md: one account, one peer, JSON lines on stdin and
 * stdout; the program that starts it is the transport. Beyond the language it knows `--bench`. */
#include "bench.h"
#include "commands.h"
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
    const char *refusal = json_parse(&command, line, length), *name, *trouble;
    int go_on = 1;
    name = NULL;
    if (!refusal) {
        const struct json_member *member = json_get(&command, "cmd");
        name = member && member->type == JSON_STRING ? member->string : NULL;
    }
    if (!name) {
        endpoint_error(self, USAGE, refusal ? refusal : "a command has a text member \"cmd\"");
    } else if (strcmp(name, "quit") == 0) {
        go_on = 0;
    } else if ((trouble = run_command(self, name, &command)) != NULL) {
        endpoint_error(self, trouble,
                       trouble == USAGE ? "unknown here, or a member is missing or has the wrong type"
                                        : "the command failed");
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
