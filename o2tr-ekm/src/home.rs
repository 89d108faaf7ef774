//! The directory a store lives in: who holds it, and whether overwriting works there.

mod filesystem;
mod lock;

pub use self::filesystem::Warning;
pub(crate) use self::filesystem::warnings;
pub use self::lock::Holder;
pub(crate) use self::lock::Lock;
