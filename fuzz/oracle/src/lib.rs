//! What libotr says about a line, for the differential fuzz targets.
//!
//! This crate exists to call C and is therefore the one place with `unsafe`: every call passes lines that end in NUL, and
//! lengths and pointers that the C half (`oracle.c`) has just filled in. It is built for fuzzing only.

use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::sync::OnceLock;

/// What libotr takes a line for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Tagged,
    Query,
    DhCommit,
    DhKey,
    RevealSignature,
    Signature,
    VersionOne,
    Data,
    Error,
    Unknown,
}

/// In the order of the numbers that `oracle_kind` returns.
const KINDS: [Kind; 11] = [
    Kind::Plain,
    Kind::Tagged,
    Kind::Query,
    Kind::DhCommit,
    Kind::DhKey,
    Kind::RevealSignature,
    Kind::Signature,
    Kind::VersionOne,
    Kind::Data,
    Kind::Error,
    Kind::Unknown,
];

/// Initialised access to libotr.
#[derive(Clone, Copy, Debug)]
pub struct Libotr(());

impl Libotr {
    /// Initialises the library once.
    ///
    /// # Panics
    /// libotr refuses to run.
    #[must_use]
    pub fn new() -> Self {
        static READY: OnceLock<bool> = OnceLock::new();
        // SAFETY: no arguments; called once, before everything else.
        assert!(*READY.get_or_init(|| unsafe { oracle_init() } == 0), "libotr could not be initialised");
        Self(())
    }

    /// The kind of a line.
    #[must_use]
    pub fn kind(self, line: &CStr) -> Kind {
        // SAFETY: the line ends in NUL.
        let number = unsafe { oracle_kind(line.as_ptr()) };
        KINDS[usize::try_from(number).expect("a known kind")]
    }

    /// The version of a binary message.
    #[must_use]
    pub fn version(self, line: &CStr) -> c_int {
        // SAFETY: the line ends in NUL.
        unsafe { oracle_version(line.as_ptr()) }
    }

    /// The version that libotr would choose out of a query; 0 if none.
    #[must_use]
    pub fn query_version(self, line: &CStr) -> c_uint {
        // SAFETY: the line ends in NUL.
        unsafe { oracle_query_version(line.as_ptr()) }
    }

    /// The version that libotr would choose out of a whitespace tag; 0 if none.
    #[must_use]
    pub fn tag_version(self, line: &CStr) -> c_uint {
        // SAFETY: the line ends in NUL.
        unsafe { oracle_tag_version(line.as_ptr()) }
    }

    /// The bytes behind the armour.
    #[must_use]
    pub fn dearmour(self, line: &CStr) -> Option<Vec<u8>> {
        let mut length = 0;
        // SAFETY: the line ends in NUL; `length` outlives the call.
        let bytes = unsafe { oracle_dearmour(line.as_ptr(), &raw mut length) };
        take(bytes, length)
    }

    /// The armour of a binary message.
    #[must_use]
    pub fn armour(self, message: &[u8]) -> Option<Vec<u8>> {
        let mut length = 0;
        // SAFETY: pointer and length belong to one slice; `length` outlives the call.
        let bytes = unsafe { oracle_armour(message.as_ptr(), message.len(), &raw mut length) };
        take(bytes, length)
    }
}

impl Default for Libotr {
    fn default() -> Self {
        Self::new()
    }
}

/// What libotr made of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fragment {
    NoFragment,
    Incomplete,
    Complete(Vec<u8>),
}

/// The fragments of one sender.
#[derive(Debug)]
pub struct Assembler(*mut RawAssembler);

impl Assembler {
    /// Without any fragment yet.
    #[must_use]
    pub fn new(_: Libotr) -> Self {
        // SAFETY: no arguments.
        let raw = unsafe { oracle_assembler_new() };
        assert!(!raw.is_null(), "out of memory");
        Self(raw)
    }

    /// Takes a line.
    pub fn push(&mut self, line: &CStr) -> Fragment {
        let (mut whole, mut length) = (std::ptr::null_mut(), 0);
        // SAFETY: the assembler is alive, the line ends in NUL, the results outlive the call.
        match unsafe { oracle_fragment(self.0, line.as_ptr(), &raw mut whole, &raw mut length) } {
            0 => Fragment::NoFragment,
            1 => Fragment::Incomplete,
            _ => Fragment::Complete(take(whole, length).unwrap_or_default()),
        }
    }
}

impl Drop for Assembler {
    fn drop(&mut self) {
        // SAFETY: it came from `oracle_assembler_new` and is freed once.
        unsafe { oracle_assembler_free(self.0) }
    }
}

/// The keys of a session, numbers big-endian.
#[derive(Debug)]
pub struct Keys {
    pub version: u32,
    pub our_instance: u32,
    pub their_instance: u32,
    pub our_keyid: u32,
    pub their_keyid: u32,
    pub our_secret: [u8; 40],
    pub our_old_secret: [u8; 40],
    pub our_public: [u8; 192],
    pub our_old_public: [u8; 192],
    pub their_public: [u8; 192],
    pub their_old_public: Option<[u8; 192]>,
}

/// What libotr read in a data message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Up to the first NUL.
    pub text: Vec<u8>,
    pub tlvs: usize,
}

/// A session of libotr's in the state ENCRYPTED.
#[derive(Debug)]
pub struct Session(*mut RawSession);

impl Session {
    /// With these keys, and nothing received yet.
    #[must_use]
    pub fn new(_: Libotr, keys: &Keys) -> Self {
        let raw = RawKeys {
            version: keys.version,
            our_instance: keys.our_instance,
            their_instance: keys.their_instance,
            our_keyid: keys.our_keyid,
            their_keyid: keys.their_keyid,
            our_secret: keys.our_secret.as_ptr(),
            our_old_secret: keys.our_old_secret.as_ptr(),
            our_public: keys.our_public.as_ptr(),
            our_old_public: keys.our_old_public.as_ptr(),
            their_public: keys.their_public.as_ptr(),
            their_old_public: keys.their_old_public.as_ref().map_or(std::ptr::null(), |key| key.as_ptr()),
        };
        // SAFETY: all pointers are to arrays of the length that the C half reads, or null where it allows that.
        let session = unsafe { oracle_session_new(&raw const raw) };
        assert!(!session.is_null(), "libotr makes keys of these numbers");
        Self(session)
    }

    /// Receives a data message; `None` if libotr refuses it.
    pub fn accept(&mut self, line: &CStr) -> Option<Accepted> {
        let (mut text, mut length, mut tlvs) = (std::ptr::null_mut(), 0, 0);
        // SAFETY: the session is alive, the line ends in NUL, the results outlive the call.
        let accepted = unsafe { oracle_accept(self.0, line.as_ptr(), &raw mut text, &raw mut length, &raw mut tlvs) };
        (accepted == 1).then(|| Accepted { text: take(text, length).unwrap_or_default(), tlvs })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: it came from `oracle_session_new` and is freed once.
        unsafe { oracle_session_free(self.0) }
    }
}

/// A line for C; `None` if it holds a NUL, which C cannot see beyond.
#[must_use]
pub fn c_line(line: &[u8]) -> Option<CString> {
    CString::new(line).ok()
}

/// Copies what the C half has allocated, and frees it.
fn take(bytes: *mut u8, length: usize) -> Option<Vec<u8>> {
    if bytes.is_null() {
        return None;
    }
    // SAFETY: the C half has allocated and filled `length` bytes there.
    let copy = unsafe { std::slice::from_raw_parts(bytes, length) }.to_vec();
    // SAFETY: they were allocated by malloc and are freed once.
    unsafe { oracle_free(bytes) };
    Some(copy)
}

#[repr(C)]
struct RawAssembler {
    _opaque: [u8; 0],
}

#[repr(C)]
struct RawSession {
    _opaque: [u8; 0],
}

/// As `oracle_keys`.
#[repr(C)]
struct RawKeys {
    version: c_uint,
    our_instance: c_uint,
    their_instance: c_uint,
    our_keyid: c_uint,
    their_keyid: c_uint,
    our_secret: *const u8,
    our_old_secret: *const u8,
    our_public: *const u8,
    our_old_public: *const u8,
    their_public: *const u8,
    their_old_public: *const u8,
}

unsafe extern "C" {
    fn oracle_init() -> c_int;
    fn oracle_kind(line: *const c_char) -> c_int;
    fn oracle_version(line: *const c_char) -> c_int;
    fn oracle_query_version(line: *const c_char) -> c_uint;
    fn oracle_tag_version(line: *const c_char) -> c_uint;
    fn oracle_dearmour(line: *const c_char, length: *mut usize) -> *mut u8;
    fn oracle_armour(message: *const u8, length: usize, armoured: *mut usize) -> *mut u8;
    fn oracle_assembler_new() -> *mut RawAssembler;
    fn oracle_fragment(
        assembler: *mut RawAssembler,
        line: *const c_char,
        whole: *mut *mut u8,
        length: *mut usize,
    ) -> c_int;
    fn oracle_assembler_free(assembler: *mut RawAssembler);
    fn oracle_session_new(keys: *const RawKeys) -> *mut RawSession;
    fn oracle_accept(
        session: *mut RawSession,
        line: *const c_char,
        text: *mut *mut u8,
        length: *mut usize,
        tlvs: *mut usize,
    ) -> c_int;
    fn oracle_session_free(session: *mut RawSession);
    fn oracle_free(bytes: *mut u8);
}
