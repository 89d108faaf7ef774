/* One libotr account that talks to one peer. */
#ifndef PIPE_ENDPOINT_H
#define PIPE_ENDPOINT_H

#include <stdio.h>

#include <libotr/proto.h>
/* message.h needs the types of proto.h but does not include it. */
#include <libotr/message.h>
#include <libotr/privkey.h>

#define DEFAULT_PROTOCOL "prpl-jabber"

struct endpoint {
    OtrlUserState us;
    const char *name;
    const char *peer;
    char *protocol;
    OtrlPolicy policy;
    int mtu;    /* largest line in bytes, 0: unlimited */
    int online; /* what libotr is told about the peer's presence */

    FILE *events; /* where events go as JSON lines; NULL: nowhere */
    void (*inject)(struct endpoint *self, const char *line);
    void *inject_data;

    /* Notes that the callbacks leave for the caller. */
    int decrypted;         /* convert_msg saw a decrypted text in this call */
    int encrypted_text;    /* convert_msg saw a text on its way into encryption */
    int smp_question_open; /* the peer asked and waits for our secret */
    unsigned long texts;   /* texts shown so far; also the source of their ids */
    OtrlSMPEvent smp_last;
};

/* Which files hold the long-term key and the instance tag; NULL: keep it in memory only. */
struct endpoint_files {
    const char *key;
    const char *instag;
};

/* Fills in `us` and `protocol`; the other members are the caller's. Returns NULL or the reason why
 * the files cannot be used. */
const char *endpoint_open(struct endpoint *self, const struct endpoint_files *files);
void endpoint_close(struct endpoint *self);

/* The context libotr would send to, or NULL before the first message. */
ConnContext *endpoint_context(struct endpoint *self);
int endpoint_is_encrypted(struct endpoint *self);
const char *endpoint_state_name(struct endpoint *self);
otrl_instag_t endpoint_instance(struct endpoint *self);
int endpoint_fingerprint(struct endpoint *self, unsigned char hash[20]);

/* What a client does; each returns NULL or a constant that names why it could not. */
const char *endpoint_query(struct endpoint *self);
const char *endpoint_receive(struct endpoint *self, const char *line);
const char *endpoint_send(struct endpoint *self, const char *text);
const char *endpoint_smp_start(struct endpoint *self, const char *secret, const char *question);
const char *endpoint_smp_respond(struct endpoint *self, const char *secret);
const char *endpoint_smp_abort(struct endpoint *self);
const char *endpoint_symkey(struct endpoint *self, unsigned int use, const unsigned char *data, size_t length);
void endpoint_end(struct endpoint *self);
void endpoint_poll(struct endpoint *self);

/* Reports trouble as an `error` event. */
void endpoint_error(struct endpoint *self, const char *code, const char *text);

/* The callbacks that libotr gets (callbacks.c). */
extern const OtrlMessageAppOps endpoint_ops;
void endpoint_show_text(struct endpoint *self, const char *text, int encrypted);
void endpoint_show_symkey(struct endpoint *self, unsigned int use, const unsigned char *data, size_t length,
                          const unsigned char *key, int sent);

#endif
