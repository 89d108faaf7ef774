//! Where we differ from libotr on purpose. Nothing else may, and each of these must.

/// One deviation.
pub(crate) struct Deviation {
    /// The file, without `.json`.
    pub(crate) file: &'static str,
    /// The case of the file or, in a conversation, the situation.
    pub(crate) case: &'static str,
    /// What we do, where that is a value: a verdict or a line.
    pub(crate) ours: &'static str,
    /// Why.
    pub(crate) reason: &'static str,
}

const fn entry(file: &'static str, case: &'static str, ours: &'static str, reason: &'static str) -> Deviation {
    Deviation { file, case, ours, reason }
}

const HIGHER_STAYS: &str =
    "of two commits that cross, the higher stays, else neither side gets anywhere. libotr always yields";
const DROPPED: &str =
    "libotr would drop encryption: an attacker need only repeat the D-H Key. We stay encrypted and silent";
const STILL_PRIVATE: &str = "the session that libotr has dropped lives here: texts leave encrypted and are read";
const REVEALED_AT_ONCE: &str = "libotr forgets used MAC keys of the session before, or reveals them some messages later; we reveal all of them at once";
const SMP_ABORT: &str = "the text wants an abort, libotr leaves that to the application";
const NEXT_KEY: &str = "a next D-H key outside 2..=p-2 is refused";

pub(crate) const TABLE: &[Deviation] = &[
    entry("unit_tables", "default_query: policy 0", "", "OTR is off: no query is written, libotr writes a bare marker"),
    entry("unit_tables", "default_query: policy 1", "", "only version 1 is allowed, which is not spoken here"),
    entry("unit_tables", "default_query: policy 7", "?OTRv23?", "version 1 is not offered"),
    entry("ake_collision_v2", "two D-H Commits cross", "", HIGHER_STAYS),
    entry("ake_collision_v3", "two D-H Commits cross", "", HIGHER_STAYS),
    entry("ake_collision_text_peer", "v3_lower: the lower D-H Commit arrives", "", HIGHER_STAYS),
    entry("ake_collision_text_peer", "v2_lower: the lower D-H Commit arrives", "", HIGHER_STAYS),
    entry(
        "ake_collision_text_peer",
        "v2_lower: the D-H Key that answers it",
        "",
        "our commit still stands, so its answer is taken; libotr waits for ever",
    ),
    entry(
        "ake_retransmit",
        "a Reveal Signature again after the AKE",
        "",
        "our Signature may have been lost: the same one is sent again",
    ),
    entry("ake_retransmit", "a D-H Key again in an encrypted session", "", DROPPED),
    entry(
        "ake_retransmit",
        "a D-H Commit again after its AKE",
        "",
        "that commit has led to its session: an answer would begin an AKE that nobody asked for",
    ),
    entry("ake_retransmit", "libotr in clear after a D-H Key", "", STILL_PRIVATE),
    entry("quirk_dhkey_replay", "a D-H Key again in an encrypted session", "", DROPPED),
    entry("quirk_dhkey_replay", "libotr in clear after a D-H Key", "", STILL_PRIVATE),
    entry("conv_v2_resend", "MAC keys of the session before a refresh", "", REVEALED_AT_ONCE),
    entry(
        "conv_v2_resend",
        "a resend of a text older than a minute",
        "",
        "a text older than a minute is not sent again; in libotr the messages of the AKE make it young",
    ),
    entry("conv_v2_whitespace", "MAC keys of the session before a refresh", "", REVEALED_AT_ONCE),
    entry(
        "conv_v3_always",
        "the D-H Key of a refresh",
        "",
        "libotr is in PLAINTEXT until the Signature comes; here the old session lives until the new one is complete",
    ),
    entry("conv_v3_always", "the Signature of a refresh", "", "so for us the session is renewed, for libotr it is new"),
    entry("conv_v3_always", "MAC keys of the session before a refresh", "", REVEALED_AT_ONCE),
    entry(
        "conv_v3_always",
        "an error and a new AKE in version 3",
        "",
        "the text is sent again as in version 2; libotr looks for it in the wrong context",
    ),
    entry("conv_v3_basic", "a text typed in FINISHED", "", "nothing is put on the wire, libotr sends an empty line"),
    entry("smp_abort_restart", "an SMP message out of turn", "", SMP_ABORT),
    entry("malformed", "v3_nexty_0", "event:RCVDMSG_MALFORMED", NEXT_KEY),
    entry("malformed", "v3_nexty_1", "event:RCVDMSG_MALFORMED", NEXT_KEY),
    entry("malformed", "v3_nexty_pm1", "event:RCVDMSG_MALFORMED", NEXT_KEY),
    entry("malformed", "v3_nexty_p", "event:RCVDMSG_MALFORMED", NEXT_KEY),
    entry("malformed", "v3_tlv_smp2_idle", "event:ERROR and abort", SMP_ABORT),
    entry("malformed", "v2_nexty_0", "event:RCVDMSG_MALFORMED", NEXT_KEY),
    entry("malformed", "v2_nexty_1", "event:RCVDMSG_MALFORMED", NEXT_KEY),
    entry("malformed", "v2_nexty_pm1", "event:RCVDMSG_MALFORMED", NEXT_KEY),
    entry("malformed", "v2_nexty_p", "event:RCVDMSG_MALFORMED", NEXT_KEY),
    entry("malformed", "v2_tlv_smp2_idle", "event:ERROR and abort", SMP_ABORT),
    entry("malformed", "smp1_g2a_1", "event:CHEATED and abort", SMP_ABORT),
    entry("malformed", "smp1_g2a_pm1", "event:CHEATED and abort", SMP_ABORT),
    entry("malformed", "smp1_g3a_0", "event:CHEATED and abort", SMP_ABORT),
    entry("malformed", "smp1_D2_0", "event:CHEATED and abort", SMP_ABORT),
    entry("malformed", "smp1_D2_q", "event:CHEATED and abort", SMP_ABORT),
    entry("malformed", "smp1_D3_qm1", "event:CHEATED and abort", SMP_ABORT),
    entry("malformed", "smp1_c2_bad", "event:CHEATED and abort", SMP_ABORT),
    entry("malformed", "smp1_count5", "event:CHEATED and abort", SMP_ABORT),
    entry("malformed", "smp1_count7", "event:CHEATED and abort", SMP_ABORT),
    entry("malformed", "smp1_missing", "event:CHEATED and abort", SMP_ABORT),
    entry("malformed", "smp1q_no_nul", "event:CHEATED and abort", SMP_ABORT),
    entry("malformed", "smp1_while_expect2", "event:ERROR and abort", SMP_ABORT),
    entry(
        "malformed",
        "error_no_space",
        "event:RCVDMSG_GENERAL_ERR",
        "an error is one without a blank too; libotr shows the line as text",
    ),
    entry(
        "malformed",
        "v3_key_for_v2_commit",
        "ignored_silently",
        "the text ignores a D-H Key of another version than the commit",
    ),
    entry(
        "malformed",
        "own_commit_reflected",
        "event:MSG_REFLECTED",
        "our own commit came back: libotr answers it and finds out two messages later that it talks to itself",
    ),
];
