#include "bench.h"

#include "endpoint.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Two endpoints and the lines between them ---- */

struct queue {
    char **lines;
    size_t first, count, capacity;
};

struct pair {
    struct endpoint alice, bob;
    struct queue to_alice, to_bob;
};

static void enqueue(struct endpoint *self, const char *line)
{
    struct queue *queue = self->inject_data;
    if (queue->count == queue->capacity) {
        size_t capacity = queue->capacity ? queue->capacity * 2 : 64;
        char **grown = realloc(queue->lines, capacity * sizeof *grown);
        if (!grown)
            exit(1);
        queue->lines = grown;
        queue->capacity = capacity;
    }
    queue->lines[queue->count] = strdup(line);
    if (!queue->lines[queue->count])
        exit(1);
    queue->count++;
}

static void queue_clear(struct queue *queue)
{
    while (queue->count > queue->first)
        free(queue->lines[--queue->count]);
    queue->first = queue->count = 0;
}

static void deliver(struct queue *queue, struct endpoint *to)
{
    while (queue->first < queue->count) {
        char *line = queue->lines[queue->first++];
        endpoint_receive(to, line);
        free(line);
    }
    queue->first = queue->count = 0;
}

static void settle(struct pair *pair)
{
    while (pair->to_alice.count || pair->to_bob.count) {
        deliver(&pair->to_bob, &pair->bob);
        deliver(&pair->to_alice, &pair->alice);
    }
}

static int pair_open(struct pair *pair, OtrlPolicy policy)
{
    const struct endpoint_files in_memory = {NULL, NULL};
    memset(pair, 0, sizeof *pair);
    pair->alice = (struct endpoint){
        .name = "alice", .peer = "bob", .policy = policy, .online = 1, .inject = enqueue, .inject_data = &pair->to_bob};
    pair->bob = (struct endpoint){
        .name = "bob", .peer = "alice", .policy = policy, .online = 1, .inject = enqueue, .inject_data = &pair->to_alice};
    return !endpoint_open(&pair->alice, &in_memory) && !endpoint_open(&pair->bob, &in_memory);
}

static void pair_close(struct pair *pair)
{
    queue_clear(&pair->to_alice);
    queue_clear(&pair->to_bob);
    free(pair->to_alice.lines);
    free(pair->to_bob.lines);
    endpoint_close(&pair->alice);
    endpoint_close(&pair->bob);
}

static int handshake(struct pair *pair)
{
    endpoint_query(&pair->alice);
    settle(pair);
    return endpoint_is_encrypted(&pair->alice) && endpoint_is_encrypted(&pair->bob);
}

/* ---- Measuring ---- */

/* Messages of one burst: more would measure the kernel's supply of fresh memory. */
enum { BURST = 100 };

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

struct result {
    double total; /* microseconds, all runs; for a burst the sending half */
    double receiving;
    int split;
};

static int bench_keygen(struct pair *pair, unsigned long n, struct result *result)
{
    double start = cpu_us();
    for (unsigned long i = 0; i < n; i++) {
        FILE *scratch = tmpfile();
        gcry_error_t error;
        if (!scratch)
            return 0;
        error = otrl_privkey_generate_FILEp(pair->alice.us, scratch, pair->alice.name, pair->alice.protocol);
        fclose(scratch);
        if (error)
            return 0;
    }
    result->total = cpu_us() - start;
    return 1;
}

static int bench_ake(struct pair *pair, unsigned long n, struct result *result)
{
    for (unsigned long i = 0; i < n; i++) {
        double start;
        otrl_context_forget_all(pair->alice.us);
        otrl_context_forget_all(pair->bob.us);
        start = cpu_us();
        if (!handshake(pair))
            return 0;
        result->total += cpu_us() - start;
    }
    return 1;
}

static int bench_pingpong(struct pair *pair, unsigned long n, struct result *result)
{
    char text[101];
    double start;
    memset(text, 'x', 100);
    text[100] = '\0';
    if (!handshake(pair))
        return 0;
    for (int i = 0; i < 4; i++) { /* until the keys rotate at every message */
        endpoint_send(i % 2 ? &pair->bob : &pair->alice, text);
        settle(pair);
    }
    pair->alice.texts = pair->bob.texts = 0;
    start = cpu_us();
    for (unsigned long i = 0; i < n; i++) {
        endpoint_send(i % 2 ? &pair->bob : &pair->alice, text);
        settle(pair);
    }
    result->total = cpu_us() - start;
    return pair->alice.texts + pair->bob.texts == n;
}

static int bench_burst(struct pair *pair, unsigned long n, size_t size, struct result *result)
{
    char *text = malloc(size + 1);
    double start;
    if (!text || !handshake(pair)) {
        free(text);
        return 0;
    }
    memset(text, 'x', size);
    text[size] = '\0';
    endpoint_send(&pair->alice, text); /* the first message of a key pays for its secrets */
    settle(pair);
    pair->bob.texts = 0;
    for (unsigned long done = 0; done < n; done += BURST) {
        start = cpu_us();
        for (unsigned long i = done; i < n && i < done + BURST; i++)
            endpoint_send(&pair->alice, text);
        result->total += cpu_us() - start;
        start = cpu_us();
        deliver(&pair->to_bob, &pair->bob);
        result->receiving += cpu_us() - start;
    }
    result->split = 1;
    free(text);
    return pair->bob.texts == n;
}

static int bench_smp(struct pair *pair, unsigned long n, struct result *result)
{
    double start;
    if (!handshake(pair))
        return 0;
    start = cpu_us();
    for (unsigned long i = 0; i < n; i++) {
        pair->alice.smp_last = pair->bob.smp_last = OTRL_SMPEVENT_NONE;
        endpoint_smp_start(&pair->alice, "a secret", NULL);
        settle(pair);
        endpoint_smp_respond(&pair->bob, "a secret");
        settle(pair);
        if (pair->alice.smp_last != OTRL_SMPEVENT_SUCCESS || pair->bob.smp_last != OTRL_SMPEVENT_SUCCESS)
            return 0;
    }
    result->total = cpu_us() - start;
    return 1;
}

static void print_sample(const char *name, double value)
{
    struct json_writer out;
    json_begin(&out, stdout);
    json_decimal(&out, name, value);
    json_end(&out);
}

/* Every operation on its own, one line each: the distributions of figures 7 and 8. */
static int bench_paper(struct pair *pair, unsigned long n)
{
    char text[101];
    double start;
    memset(text, 'x', 100);
    text[100] = '\0';
    if (!handshake(pair))
        return 0;
    for (unsigned long i = 0; i < n + 4; i++) { /* the first ones until the keys rotate at every message */
        struct endpoint *from = i % 2 ? &pair->bob : &pair->alice;
        struct endpoint *to = i % 2 ? &pair->alice : &pair->bob;
        struct queue *queue = i % 2 ? &pair->to_alice : &pair->to_bob;
        double outgoing, incoming;
        start = cpu_us();
        endpoint_send(from, text);
        outgoing = cpu_us() - start;
        start = cpu_us();
        deliver(queue, to);
        incoming = cpu_us() - start;
        settle(pair);
        if (i >= 4) {
            print_sample("outgoing", outgoing);
            print_sample("incoming", incoming);
        }
    }
    if (pair->alice.texts + pair->bob.texts != n + 4)
        return 0;
    for (unsigned long i = 0; i < n; i++) {
        otrl_context_forget_all(pair->alice.us);
        otrl_context_forget_all(pair->bob.us);
        start = cpu_us();
        if (!handshake(pair))
            return 0;
        print_sample("handshake", cpu_us() - start);
    }
    return 1;
}

int bench_run(const char *what, unsigned long n, OtrlPolicy policy)
{
    struct pair pair;
    struct result result = {0, 0, 0};
    struct json_writer out;
    int passed;
    if (strcmp(what, "ake") != 0 && strcmp(what, "pingpong") != 0 && strcmp(what, "burst100") != 0 &&
        strcmp(what, "burst10k") != 0 && strcmp(what, "smp") != 0 && strcmp(what, "keygen") != 0 &&
        strcmp(what, "paper") != 0) {
        fprintf(stderr, "no such benchmark: %s\n", what);
        return 2;
    }
    passed = pair_open(&pair, policy);
    if (passed) {
        if (strcmp(what, "keygen") == 0)
            passed = bench_keygen(&pair, n, &result);
        else if (strcmp(what, "paper") == 0)
            passed = bench_paper(&pair, n);
        else if (strcmp(what, "ake") == 0)
            passed = bench_ake(&pair, n, &result);
        else if (strcmp(what, "pingpong") == 0)
            passed = bench_pingpong(&pair, n, &result);
        else if (strcmp(what, "smp") == 0)
            passed = bench_smp(&pair, n, &result);
        else
            passed = bench_burst(&pair, n, strcmp(what, "burst10k") == 0 ? 10000 : 100, &result);
    }
    if (passed && strcmp(what, "paper") != 0) {
        json_begin(&out, stdout);
        json_string(&out, "impl", "libotr");
        json_string(&out, "bench", what);
        json_unsigned(&out, "n", n);
        if (result.split) {
            json_decimal(&out, "send_cpu_us_per_op", result.total / (double)n);
            json_decimal(&out, "receive_cpu_us_per_op", result.receiving / (double)n);
        } else {
            json_decimal(&out, "cpu_us_per_op", result.total / (double)n);
        }
        json_end(&out);
    } else if (!passed) {
        fprintf(stderr, "benchmark %s failed: the two endpoints did not get through\n", what);
    }
    pair_close(&pair);
    return passed ? 0 : 1;
}
