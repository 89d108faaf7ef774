#include "oracle.h"

#include <stdlib.h>
#include <string.h>

#include <gcrypt.h>

#include <libotr/b64.h>
#include <libotr/context.h>
#include <libotr/context_priv.h>
#include <libotr/dh.h>
#include <libotr/proto.h>
#include <libotr/tlv.h>
#include <libotr/userstate.h>
#include <libotr/version.h>

#define GROUP 5
#define SECRET_LENGTH 40
#define PUBLIC_LENGTH 192

int oracle_init(void)
{
    return otrl_init(OTRL_VERSION_MAJOR, OTRL_VERSION_MINOR, OTRL_VERSION_SUB) ? 1 : 0;
}

int oracle_kind(const char *line)
{
    switch (otrl_proto_message_type(line)) {
    case OTRL_MSGTYPE_NOTOTR: return 0;
    case OTRL_MSGTYPE_TAGGEDPLAINTEXT: return 1;
    case OTRL_MSGTYPE_QUERY: return 2;
    case OTRL_MSGTYPE_DH_COMMIT: return 3;
    case OTRL_MSGTYPE_DH_KEY: return 4;
    case OTRL_MSGTYPE_REVEALSIG: return 5;
    case OTRL_MSGTYPE_SIGNATURE: return 6;
    case OTRL_MSGTYPE_V1_KEYEXCH: return 7;
    case OTRL_MSGTYPE_DATA: return 8;
    case OTRL_MSGTYPE_ERROR: return 9;
    case OTRL_MSGTYPE_UNKNOWN: return 10;
    }
    return -1;
}

int oracle_version(const char *line)
{
    return otrl_proto_message_version(line);
}

unsigned oracle_query_version(const char *line)
{
    return otrl_proto_query_bestversion(line, OTRL_POLICY_ALLOW_V2 | OTRL_POLICY_ALLOW_V3);
}

unsigned oracle_tag_version(const char *line)
{
    const char *start = NULL, *end = NULL;
    return otrl_proto_whitespace_bestversion(line, &start, &end, OTRL_POLICY_ALLOW_V2 | OTRL_POLICY_ALLOW_V3);
}

unsigned char *oracle_dearmour(const char *line, size_t *length)
{
    unsigned char *bytes = NULL;
    return otrl_base64_otr_decode(line, &bytes, length) ? NULL : bytes;
}

unsigned char *oracle_armour(const unsigned char *message, size_t length, size_t *armoured)
{
    char *line = otrl_base64_otr_encode(message, length);
    *armoured = line ? strlen(line) : 0;
    return (unsigned char *)line;
}

struct oracle_assembler {
    OtrlUserState user;
    ConnContext *context;
};

static ConnContext *new_context(OtrlUserState user)
{
    return user ? otrl_context_find(user, "peer", "us", "test", OTRL_INSTAG_MASTER, 1, NULL, NULL, NULL) : NULL;
}

oracle_assembler *oracle_assembler_new(void)
{
    oracle_assembler *assembler = calloc(1, sizeof *assembler);
    if (!assembler) return NULL;
    assembler->user = otrl_userstate_create();
    assembler->context = new_context(assembler->user);
    if (!assembler->context) {
        oracle_assembler_free(assembler);
        return NULL;
    }
    return assembler;
}

int oracle_fragment(oracle_assembler *assembler, const char *line, unsigned char **whole, size_t *length)
{
    char *message = NULL;
    switch (otrl_proto_fragment_accumulate(&message, assembler->context, line)) {
    case OTRL_FRAGMENT_UNFRAGMENTED: return 0;
    case OTRL_FRAGMENT_INCOMPLETE: return 1;
    case OTRL_FRAGMENT_COMPLETE: break;
    }
    *whole = (unsigned char *)message;
    *length = message ? strlen(message) : 0;
    return 2;
}

void oracle_assembler_free(oracle_assembler *assembler)
{
    if (!assembler) return;
    if (assembler->user) otrl_userstate_free(assembler->user);
    free(assembler);
}

struct oracle_session {
    OtrlUserState user;
    ConnContext *context;
};

static gcry_mpi_t number(const unsigned char *bytes, size_t length)
{
    gcry_mpi_t value = NULL;
    return bytes && !gcry_mpi_scan(&value, GCRYMPI_FMT_USG, bytes, length, NULL) ? value : NULL;
}

static void set_pair(DH_keypair *pair, const unsigned char *secret, const unsigned char *public)
{
    pair->groupid = GROUP;
    pair->priv = number(secret, SECRET_LENGTH);
    pair->pub = number(public, PUBLIC_LENGTH);
}

/* Keys of all pairs; those that do not exist stay blank. */
static int derive(ConnContextPriv *keys)
{
    const DH_keypair *ours[2] = { &keys->our_dh_key, &keys->our_old_dh_key };
    const gcry_mpi_t theirs[2] = { keys->their_y, keys->their_old_y };
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
            if (theirs[j] && otrl_dh_session(&keys->sesskeys[i][j], ours[i], theirs[j])) return 0;
        }
    }
    return 1;
}

oracle_session *oracle_session_new(const oracle_keys *given)
{
    oracle_session *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    session->user = otrl_userstate_create();
    ConnContext *context = session->context = new_context(session->user);
    if (!context) {
        oracle_session_free(session);
        return NULL;
    }
    ConnContextPriv *keys = context->context_priv;
    context->msgstate = OTRL_MSGSTATE_ENCRYPTED;
    context->protocol_version = given->version;
    context->our_instance = given->our_instance;
    context->their_instance = given->their_instance;
    keys->our_keyid = given->our_keyid;
    keys->their_keyid = given->their_keyid;
    set_pair(&keys->our_dh_key, given->our_secret, given->our_public);
    set_pair(&keys->our_old_dh_key, given->our_old_secret, given->our_old_public);
    keys->their_y = number(given->their_public, PUBLIC_LENGTH);
    keys->their_old_y = number(given->their_old_public, PUBLIC_LENGTH);
    if (!derive(keys)) {
        oracle_session_free(session);
        return NULL;
    }
    return session;
}

int oracle_accept(oracle_session *session, const char *line, unsigned char **text, size_t *length, size_t *tlvs)
{
    OtrlTLV *list = NULL;
    char *plaintext = NULL;
    unsigned char flags = 0;
    if (otrl_proto_accept_data(&plaintext, &list, session->context, line, &flags, NULL)) return 0;
    *tlvs = 0;
    for (const OtrlTLV *tlv = list; tlv; tlv = tlv->next) ++*tlvs;
    otrl_tlv_free(list);
    *text = (unsigned char *)plaintext;
    *length = plaintext ? strlen(plaintext) : 0;
    return 1;
}

void oracle_session_free(oracle_session *session)
{
    if (!session) return;
    if (session->user) otrl_userstate_free(session->user);
    free(session);
}

void oracle_free(unsigned char *bytes)
{
    free(bytes);
}
