/* What libotr calls back, turned into events of the pipe language. */
#include "endpoint.h"

#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int event_begin(struct endpoint *self, struct json_writer *out, const char *name)
{
    if (!self->events)
        return 0;
    json_begin(out, self->events);
    json_string(out, "ev", name);
    return 1;
}

/* ---- Events that endpoint.c raises too ---- */

void endpoint_error(struct endpoint *self, const char *code, const char *text)
{
    struct json_writer out;
    if (!event_begin(self, &out, "error"))
        return;
    json_string(&out, "code", code);
    json_string(&out, "msg", text);
    json_end(&out);
}

void endpoint_show_text(struct endpoint *self, const char *text, int encrypted)
{
    struct json_writer out;
    char id[32];
    self->texts++;
    if (!event_begin(self, &out, "plaintext"))
        return;
    snprintf(id, sizeof id, "m%lu", self->texts);
    json_string(&out, "text", text);
    json_bool(&out, "encrypted", encrypted);
    json_string(&out, "id", id);
    json_string(&out, "provenance", encrypted ? "live" : "clear");
    json_end(&out);
}

void endpoint_show_symkey(struct endpoint *self, unsigned int use, const unsigned char *data, size_t length,
                          const unsigned char *key, int sent)
{
    struct json_writer out;
    if (!event_begin(self, &out, "symkey"))
        return;
    json_unsigned(&out, "use", use);
    json_hex(&out, "data", data, length);
    json_hex(&out, "key", key, OTRL_EXTRAKEY_BYTES);
    json_bool(&out, "sent", sent);
    json_end(&out);
}

/* ---- What libotr wants to know ---- */

static OtrlPolicy on_policy(void *data, ConnContext *context)
{
    (void)context;
    return ((struct endpoint *)data)->policy;
}

static int on_is_logged_in(void *data, const char *account, const char *protocol, const char *recipient)
{
    (void)account, (void)protocol, (void)recipient;
    return ((struct endpoint *)data)->online;
}

static int on_max_message_size(void *data, ConnContext *context)
{
    (void)context;
    return ((struct endpoint *)data)->mtu;
}

static const char *on_account_name(void *data, const char *account, const char *protocol)
{
    (void)account, (void)protocol;
    return strdup(((struct endpoint *)data)->name);
}

static const char *on_error_message(void *data, ConnContext *context, OtrlErrorCode code)
{
    (void)data, (void)context;
    switch (code) {
    case OTRL_ERRCODE_ENCRYPTION_ERROR: return strdup("encryption failed");
    case OTRL_ERRCODE_MSG_NOT_IN_PRIVATE: return strdup("no private conversation here");
    case OTRL_ERRCODE_MSG_UNREADABLE: return strdup("message not readable");
    case OTRL_ERRCODE_MSG_MALFORMED: return strdup("message malformed");
    case OTRL_ERRCODE_NONE: break;
    }
    return strdup("error");
}

static void on_string_free(void *data, const char *text)
{
    (void)data;
    free((void *)(uintptr_t)text);
}

/* ---- What libotr reports ---- */

static void on_inject(void *data, const char *account, const char *protocol, const char *recipient, const char *line)
{
    struct endpoint *self = data;
    (void)account, (void)protocol, (void)recipient;
    /* For a text typed in FINISHED libotr injects an empty line; no transport would carry it. */
    if (line[0] != '\0')
        self->inject(self, line);
}

static void on_context_list(void *data)
{
    (void)data;
}

static void on_new_fingerprint(void *data, OtrlUserState us, const char *account, const char *protocol, const char *user,
                               unsigned char fingerprint[20])
{
    struct json_writer out;
    (void)us, (void)account, (void)protocol, (void)user;
    if (!event_begin(data, &out, "new_fingerprint"))
        return;
    json_hex(&out, "fingerprint", fingerprint, 20);
    json_end(&out);
}

static void show_secure(struct endpoint *self, const char *event, ConnContext *context)
{
    struct json_writer out;
    if (!event_begin(self, &out, event))
        return;
    if (context->active_fingerprint)
        json_hex(&out, "fingerprint", context->active_fingerprint->fingerprint, 20);
    json_unsigned(&out, "version", context->protocol_version);
    json_hex(&out, "ssid", context->sessionid, context->sessionid_len);
    json_string(&out, "trust",
                otrl_context_is_fingerprint_trusted(context->active_fingerprint) ? "verified" : "unverified");
    json_bool(&out, "peer_keeps_keys", 0);
    json_end(&out);
}

static void on_gone_secure(void *data, ConnContext *context)
{
    show_secure(data, "encrypted", context);
}

static void on_still_secure(void *data, ConnContext *context, int is_reply)
{
    (void)is_reply;
    show_secure(data, "still_encrypted", context);
}

static void on_gone_insecure(void *data, ConnContext *context)
{
    struct json_writer out;
    (void)context;
    if (event_begin(data, &out, "insecure"))
        json_end(&out);
}

static void on_symkey(void *data, ConnContext *context, unsigned int use, const unsigned char *use_data, size_t length,
                      const unsigned char *key)
{
    (void)context;
    endpoint_show_symkey(data, use, use_data, length, key, 0);
}

static const char *smp_result(OtrlSMPEvent event)
{
    switch (event) {
    case OTRL_SMPEVENT_ABORT: return "abort";
    case OTRL_SMPEVENT_CHEATED: return "cheated";
    case OTRL_SMPEVENT_ASK_FOR_ANSWER: return "ask_answer";
    case OTRL_SMPEVENT_ASK_FOR_SECRET: return "ask_secret";
    case OTRL_SMPEVENT_IN_PROGRESS: return "in_progress";
    case OTRL_SMPEVENT_SUCCESS: return "ok";
    case OTRL_SMPEVENT_FAILURE: return "fail";
    case OTRL_SMPEVENT_NONE:
    case OTRL_SMPEVENT_ERROR: break;
    }
    return "error";
}

static void on_smp(void *data, OtrlSMPEvent event, ConnContext *context, unsigned short percent, char *question)
{
    struct endpoint *self = data;
    struct json_writer out;
    (void)percent;
    self->smp_last = event;
    self->smp_question_open = event == OTRL_SMPEVENT_ASK_FOR_ANSWER || event == OTRL_SMPEVENT_ASK_FOR_SECRET;
    if (event_begin(self, &out, "smp")) {
        json_string(&out, "result", smp_result(event));
        if (question)
            json_string(&out, "question", question);
        else
            json_null(&out, "question");
        json_end(&out);
    }
    /* libotr leaves it to the application to tell the peer that the run is over. */
    if (event == OTRL_SMPEVENT_CHEATED || event == OTRL_SMPEVENT_ERROR)
        otrl_message_abort_smp(self->us, &endpoint_ops, self, context);
}

static void show_rejected(struct endpoint *self, const char *reason)
{
    struct json_writer out;
    if (!event_begin(self, &out, "rejected"))
        return;
    json_string(&out, "reason", reason);
    json_end(&out);
}

static void show_held(struct endpoint *self)
{
    struct json_writer out;
    if (!event_begin(self, &out, "paused"))
        return;
    json_unsigned(&out, "queued", 1);
    json_string(&out, "reason", "no_session");
    json_end(&out);
}

static void show_heartbeat(struct endpoint *self, int sent)
{
    struct json_writer out;
    if (!event_begin(self, &out, "heartbeat"))
        return;
    json_bool(&out, "sent", sent);
    json_end(&out);
}

static void on_message_event(void *data, OtrlMessageEvent event, ConnContext *context, const char *message,
                             gcry_error_t error)
{
    struct endpoint *self = data;
    struct json_writer out;
    (void)context;
    switch (event) {
    case OTRL_MSGEVENT_NONE: break;
    case OTRL_MSGEVENT_ENCRYPTION_REQUIRED: show_held(self); break;
    case OTRL_MSGEVENT_ENCRYPTION_ERROR: endpoint_error(self, "encrypt", "the text was not encrypted"); break;
    case OTRL_MSGEVENT_CONNECTION_ENDED:
        endpoint_error(self, "finished", "the peer has ended the conversation; the text was not sent");
        break;
    case OTRL_MSGEVENT_SETUP_ERROR: endpoint_error(self, "ake", gcry_strerror(error)); break;
    case OTRL_MSGEVENT_MSG_REFLECTED: show_rejected(self, "echo"); break;
    case OTRL_MSGEVENT_MSG_RESENT:
        if (event_begin(self, &out, "resent"))
            json_end(&out);
        break;
    case OTRL_MSGEVENT_RCVDMSG_NOT_IN_PRIVATE:
    case OTRL_MSGEVENT_RCVDMSG_UNREADABLE: show_rejected(self, "unreadable"); break;
    case OTRL_MSGEVENT_RCVDMSG_MALFORMED:
    case OTRL_MSGEVENT_RCVDMSG_UNRECOGNIZED: show_rejected(self, "malformed"); break;
    case OTRL_MSGEVENT_LOG_HEARTBEAT_RCVD: show_heartbeat(self, 0); break;
    case OTRL_MSGEVENT_LOG_HEARTBEAT_SENT: show_heartbeat(self, 1); break;
    case OTRL_MSGEVENT_RCVDMSG_GENERAL_ERR: endpoint_error(self, "peer", message ? message : ""); break;
    case OTRL_MSGEVENT_RCVDMSG_UNENCRYPTED: endpoint_show_text(self, message ? message : "", 0); break;
    case OTRL_MSGEVENT_RCVDMSG_FOR_OTHER_INSTANCE: show_rejected(self, "other_instance"); break;
    }
}

/* Only a witness: libotr calls this exactly when a text passes through encryption or decryption. */
static void on_convert(void *data, ConnContext *context, OtrlConvertType type, char **result, const char *text)
{
    struct endpoint *self = data;
    (void)context, (void)text;
    if (type == OTRL_CONVERT_RECEIVING)
        self->decrypted = 1;
    else
        self->encrypted_text = 1;
    *result = NULL;
}

static void on_convert_free(void *data, ConnContext *context, char *text)
{
    (void)data, (void)context;
    free(text);
}

const OtrlMessageAppOps endpoint_ops = {
    .policy = on_policy,
    .is_logged_in = on_is_logged_in,
    .inject_message = on_inject,
    .update_context_list = on_context_list,
    .new_fingerprint = on_new_fingerprint,
    .write_fingerprints = on_context_list,
    .gone_secure = on_gone_secure,
    .gone_insecure = on_gone_insecure,
    .still_secure = on_still_secure,
    .max_message_size = on_max_message_size,
    .account_name = on_account_name,
    .account_name_free = on_string_free,
    .received_symkey = on_symkey,
    .otr_error_message = on_error_message,
    .otr_error_message_free = on_string_free,
    .handle_smp_event = on_smp,
    .handle_msg_event = on_message_event,
    .convert_msg = on_convert,
    .convert_free = on_convert_free,
};
