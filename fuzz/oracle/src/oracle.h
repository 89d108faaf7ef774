/* What libotr says about a line, in plain C types. Every line is a C string; every result of type unsigned char * is
 * to be given to oracle_free. */

#ifndef ORACLE_H
#define ORACLE_H

#include <stddef.h>
#include <stdint.h>

/* Must be called before all others; 0 if libotr can be used. */
int oracle_init(void);

/* The kind of a line, as numbered in lib.rs. */
int oracle_kind(const char *line);
/* 1, 2 or 3 of a binary message; 0 of anything else. */
int oracle_version(const char *line);
/* The version that would be chosen out of a query, or out of a whitespace tag, if 2 and 3 are allowed. */
unsigned oracle_query_version(const char *line);
unsigned oracle_tag_version(const char *line);

/* The bytes behind the armour; NULL if there are none. */
unsigned char *oracle_dearmour(const char *line, size_t *length);
unsigned char *oracle_armour(const unsigned char *message, size_t length, size_t *armoured);

/* Fragments of one sender. oracle_fragment returns 0: not a fragment, 1: more is needed, 2: complete, the line is in
 * *whole. */
typedef struct oracle_assembler oracle_assembler;
oracle_assembler *oracle_assembler_new(void);
int oracle_fragment(oracle_assembler *assembler, const char *line, unsigned char **whole, size_t *length);
void oracle_assembler_free(oracle_assembler *assembler);

/* A session in the state ENCRYPTED. Numbers are big-endian. */
typedef struct {
    unsigned version;
    unsigned our_instance, their_instance;
    unsigned our_keyid, their_keyid;
    const unsigned char *our_secret, *our_old_secret;             /* 40 bytes each */
    const unsigned char *our_public, *our_old_public;             /* 192 bytes each */
    const unsigned char *their_public, *their_old_public;         /* 192 bytes; the old one may be NULL */
} oracle_keys;

typedef struct oracle_session oracle_session;
oracle_session *oracle_session_new(const oracle_keys *keys);
/* Whether a data message is accepted; then its text and the number of its TLVs. */
int oracle_accept(oracle_session *session, const char *line, unsigned char **text, size_t *length, size_t *tlvs);
void oracle_session_free(oracle_session *session);

void oracle_free(unsigned char *bytes);

#endif
