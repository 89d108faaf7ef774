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

pub(crate) const TABLE: &[Deviation] = &[
    entry("unit_tables", "default_query: policy 0", "", "OTR is off: no query is written, libotr writes a bare marker"),
    entry("unit_tables", "default_query: policy 1", "", "only version 1 is allowed, which is not spoken here"),
    entry("unit_tables", "default_query: policy 7", "?OTRv23?", "version 1 is not offered"),
];
