#include "endpoint.h"

#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const NO_SESSION = "no_session";

/* ---- Keys and instance tag ---- */

static OtrlPrivKey *own_key(struct endpoint *self)
{
    for (OtrlPrivKey *key = self->us->privkey_root; key; key = key->next)
        if (strcmp(key->accountname, self->name) == 0)
            return key;
    return NULL;
}

static const char *open_key(struct endpoint *self, const char *path)
{
    OtrlPrivKey *key;
    gcry_error_t error;
    if (path && access(path, F_OK) == 0 && otrl_privkey_read(self->us, path) != 0)
        return "the key file cannot be read";
    key = own_key(self);
    self->protocol = strdup(key ? key->protocol : DEFAULT_PROTOCOL);
    if (!self->protocol)
        return "out of memory";
    if (key)
        return NULL;
    if (path) {
        error = otrl_privkey_generate(self->us, path, self->name, self->protocol);
    } else {
        FILE *scratch = tmpfile();
        if (!scratch)
            return "no temporary file for the key";
        error = otrl_privkey_generate_FILEp(self->us, scratch, self->name, self->protocol);
        fclose(scratch);
    }
    return error ? "the key cannot be made or written" : NULL;
}

static const char *open_instag(struct endpoint *self, const char *path)
{
    gcry_error_t error;
    if (path && access(path, F_OK) == 0 && otrl_instag_read(self->us, path) != 0)
        return "the instance tag file cannot be read";
    if (otrl_instag_find(self->us, self->name, self->protocol))
        return NULL;
    if (path) {
        error = otrl_instag_generate(self->us, path, self->name, self->protocol);
    } else {
        FILE *scratch = tmpfile();
        if (!scratch)
            return "no temporary file for the instance tag";
        error = otrl_instag_generate_FILEp(self->us, scratch, self->name, self->protocol);
        fclose(scratch);
    }
    return error ? "the instance tag cannot be made or written" : NULL;
}

const char *endpoint_open(struct endpoint *self, const struct endpoint_files *files)
{
    const char *refusal;
    self->us = otrl_userstate_create();
    if (!self->us)
        return "out of memory";
    refusal = open_key(self, files->key);
    return refusal ? refusal : open_instag(self, files->instag);
}

void endpoint_close(struct endpoint *self)
{
    if (self->us)
        otrl_userstate_free(self->us);
    free(self->protocol);
    self->us = NULL;
    self->protocol = NULL;
}

/* ---- Getters ---- */

ConnContext *endpoint_context(struct endpoint *self)
{
    return otrl_context_find(self->us, self->peer, self->name, self->protocol, OTRL_INSTAG_BEST, 0, NULL, NULL, NULL);
}

int endpoint_is_encrypted(struct endpoint *self)
{
    ConnContext *context = endpoint_context(self);
    return context && context->msgstate == OTRL_MSGSTATE_ENCRYPTED;
}

const char *endpoint_state_name(struct endpoint *self)
{
    ConnContext *context = endpoint_context(self);
    if (!context || context->msgstate == OTRL_MSGSTATE_PLAINTEXT)
        return "plaintext";
    return context->msgstate == OTRL_MSGSTATE_ENCRYPTED ? "encrypted" : "finished";
}

otrl_instag_t endpoint_instance(struct endpoint *self)
{
    OtrlInsTag *tag = otrl_instag_find(self->us, self->name, self->protocol);
    return tag ? tag->instag : 0;
}

int endpoint_fingerprint(struct endpoint *self, unsigned char hash[20])
{
    return otrl_privkey_fingerprint_raw(self->us, hash, self->name, self->protocol) != NULL;
}

/* ---- What a client does ---- */

const char *endpoint_query(struct endpoint *self)
{
    char *query = otrl_proto_default_query_msg(self->name, self->policy);
    if (!query)
        return "internal";
    self->inject(self, query);
    free(query);
    return NULL;
}

static void show_finished(struct endpoint *self)
{
    struct json_writer out;
    self->smp_question_open = 0;
    if (!self->events)
        return;
    json_begin(&out, self->events);
    json_string(&out, "ev", "finished");
    json_end(&out);
}

const char *endpoint_receive(struct endpoint *self, const char *line)
{
    char *text = NULL;
    OtrlTLV *tlvs = NULL;
    int internal;
    self->decrypted = 0;
    internal = otrl_message_receiving(self->us, &endpoint_ops, self, self->name, self->protocol, self->peer, line, &text,
                                      &tlvs, NULL, NULL, NULL);
    if (!internal)
        endpoint_show_text(self, text ? text : line, self->decrypted);
    if (otrl_tlv_find(tlvs, OTRL_TLV_DISCONNECTED))
        show_finished(self);
    otrl_tlv_free(tlvs);
    otrl_message_free(text);
    return NULL;
}

const char *endpoint_send(struct endpoint *self, const char *text)
{
    char *replacement = NULL;
    gcry_error_t error;
    self->encrypted_text = 0;
    error = otrl_message_sending(self->us, &endpoint_ops, self, self->name, self->protocol, self->peer, OTRL_INSTAG_BEST,
                                 text, NULL, &replacement, OTRL_FRAGMENT_SEND_ALL, NULL, NULL, NULL);
    if (!error && !replacement)
        self->inject(self, text); /* libotr has nothing to add: the text goes out as it is */
    otrl_message_free(replacement);
    return error ? "encrypt" : NULL;
}

const char *endpoint_smp_start(struct endpoint *self, const char *secret, const char *question)
{
    if (!endpoint_is_encrypted(self))
        return NO_SESSION;
    self->smp_question_open = 0;
    if (question)
        otrl_message_initiate_smp_q(self->us, &endpoint_ops, self, endpoint_context(self), question,
                                    (const unsigned char *)secret, strlen(secret));
    else
        otrl_message_initiate_smp(self->us, &endpoint_ops, self, endpoint_context(self), (const unsigned char *)secret,
                                  strlen(secret));
    return NULL;
}

const char *endpoint_smp_respond(struct endpoint *self, const char *secret)
{
    if (!endpoint_is_encrypted(self))
        return NO_SESSION;
    if (!self->smp_question_open)
        return "smp";
    self->smp_question_open = 0;
    otrl_message_respond_smp(self->us, &endpoint_ops, self, endpoint_context(self), (const unsigned char *)secret,
                             strlen(secret));
    return NULL;
}

const char *endpoint_smp_abort(struct endpoint *self)
{
    if (!endpoint_is_encrypted(self))
        return NO_SESSION;
    self->smp_question_open = 0;
    otrl_message_abort_smp(self->us, &endpoint_ops, self, endpoint_context(self));
    return NULL;
}

const char *endpoint_symkey(struct endpoint *self, unsigned int use, const unsigned char *data, size_t length)
{
    unsigned char key[OTRL_EXTRAKEY_BYTES];
    if (!endpoint_is_encrypted(self))
        return NO_SESSION;
    if (otrl_message_symkey(self->us, &endpoint_ops, self, endpoint_context(self), use, data, length, key) != 0)
        return "encrypt";
    endpoint_show_symkey(self, use, data, length, key, 1);
    return NULL;
}

void endpoint_end(struct endpoint *self)
{
    self->smp_question_open = 0;
    otrl_message_disconnect_all_instances(self->us, &endpoint_ops, self, self->name, self->protocol, self->peer);
}

void endpoint_poll(struct endpoint *self)
{
    otrl_message_poll(self->us, &endpoint_ops, self);
}
